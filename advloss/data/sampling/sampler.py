"""Which pictures make which batch: a function of (seed, batch number, process) alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from advloss.data.random_streams import ORDER, PARTNERS, random
from advloss.data.sources.pieces import Pieces


@dataclass(frozen=True)
class Item:
    """One sample: picture `a` and picture `b` at `position` of `epoch`."""

    epoch: int
    position: int
    a: int
    b: int


@dataclass(frozen=True)
class Sampler:
    """A new permutation every epoch. Unpaired, b is drawn at random (as in CycleGAN), and the shorter side wraps round.

    Process r of w takes items r * batch to (r + 1) * batch of every global batch of w * batch items: together they
    see what one process with batch w * batch sees.

    pieces: what the pictures of pairs, or pictures alone, lie in; None where any is as near as any other.
    """

    count_a: int
    count_b: int
    paired: bool
    batch: int
    seed: int
    rank: int = 0
    world: int = 1
    pieces: Pieces | None = None

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process; the last ones that don't fill a global batch are left out."""
        return max(1, max(self.count_a, self.count_b) // (self.batch * self.world))

    def items(self, number: int) -> list[Item]:
        """The items of this process's batch `number`, counted from the first epoch's first."""
        epoch, within = divmod(number, self.per_epoch)
        count = max(self.count_a, self.count_b)
        firsts = _permutation(self.seed, epoch, count, self.pieces)
        partners = firsts if self.paired else _partners(self.seed, epoch, count, self.count_b)
        start = (within * self.world + self.rank) * self.batch
        items = []
        for position in range(start, start + self.batch):
            place = position % count
            items.append(Item(epoch, position, int(firsts[place]) % self.count_a, int(partners[place])))
        return items


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int, pieces: Pieces | None) -> np.ndarray:
    rng = random(ORDER, seed, epoch)
    return rng.permutation(count) if pieces is None else pieces.permutation(rng)


@lru_cache(maxsize=2)
def _partners(seed: int, epoch: int, count: int, count_b: int) -> np.ndarray:
    """A random b for each place."""
    return random(PARTNERS, seed, epoch).integers(count_b, size=count)
