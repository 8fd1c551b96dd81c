"""Which pictures make which batch: a function of (seed, batch number, process) alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from advloss.data.transforms import ORDER, PARTNERS, random


@dataclass(frozen=True)
class Item:
    """One sample: picture `a` and picture `b` at `position` of `epoch`."""

    epoch: int
    position: int
    a: int
    b: int


@dataclass(frozen=True)
class Order:
    """A new permutation every epoch. Unpaired, b is drawn at random (as in CycleGAN), and the shorter side wraps round.

    Process r of w takes items r * batch to (r + 1) * batch of every global batch of w * batch items: together they
    see what one process with batch w * batch sees.
    """

    count_a: int
    count_b: int
    paired: bool
    batch: int
    seed: int
    rank: int = 0
    world: int = 1

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process; the last ones that don't fill a global batch are left out."""
        return max(1, max(self.count_a, self.count_b) // (self.batch * self.world))

    def items(self, number: int) -> list[Item]:
        """The items of this process's batch `number`, counted from the first epoch's first."""
        epoch, within = divmod(number, self.per_epoch)
        count = max(self.count_a, self.count_b)
        firsts, partners = _epoch(self.seed, epoch, count, self.count_b)
        start = (within * self.world + self.rank) * self.batch
        items = []
        for position in range(start, start + self.batch):
            place = position % count
            first = int(firsts[place])
            items.append(Item(epoch, position, first % self.count_a, first if self.paired else int(partners[place])))
        return items


@lru_cache(maxsize=4)
def _epoch(seed: int, epoch: int, count: int, count_b: int) -> tuple[np.ndarray, np.ndarray]:
    """The epoch's permutation, and a random b for each place."""
    return random(ORDER, seed, epoch).permutation(count), random(PARTNERS, seed, epoch).integers(count_b, size=count)
