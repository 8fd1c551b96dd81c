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


@dataclass(frozen=True, eq=False)
class Pieces:
    """A source cut into pieces whose pictures lie side by side on the disk.

    An epoch goes through the pieces in a new order and shuffles the pictures of every `window` places: each is shown
    once, in company from all over the source, and at any time the disk is read in a few pieces alone.

    ends: integers [P], the number behind each piece's last picture.
    """

    ends: np.ndarray
    window: int

    def permutation(self, rng: np.random.Generator) -> np.ndarray:
        """All numbers below ends[-1] in such an order."""
        drawn = rng.permutation(len(self.ends))
        lengths = np.diff(self.ends, prepend=0)[drawn]
        behind = self.ends[drawn]
        numbers = np.arange(lengths.sum()) + np.repeat(behind - np.cumsum(lengths), lengths)  # piece after piece
        for start in range(0, len(numbers), self.window):
            rng.shuffle(numbers[start : start + self.window])
        return numbers


@dataclass(frozen=True)
class Order:
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
