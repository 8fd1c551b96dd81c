"""The sampler: which items make which batch. It is a function of (seed, batch number, process) alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from advloss.data.random_streams import ORDER, PARTNERS, nth, random
from advloss.data.sources.pieces import Pieces


@dataclass(frozen=True)
class Item:
    """One sample at `position` of `epoch`. indices: the number of the item in each source."""

    epoch: int
    position: int
    indices: tuple[int, ...]


@dataclass(frozen=True)
class Sampler:
    """Draws the items of each batch: in each epoch a new permutation of the first source, and random items of the
    others, as CycleGAN does.

    Process r of w takes samples r * batch to (r + 1) * batch of each global batch of w * batch samples. So w processes
    see the samples that one process with batch w * batch sees.

    counts: items of each source; a shorter source repeats. together: whether a sample is item i of all sources.
    pieces: the parts in which a source is read from the disk, see `Pieces`; None if each item is a file of its own.
    """

    counts: tuple[int, ...]
    together: bool
    batch: int
    seed: int
    rank: int = 0
    world: int = 1
    pieces: Pieces | None = None

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process. Samples at the end that don't fill a global batch are not used."""
        return max(1, max(self.counts) // (self.batch * self.world))

    def items(self, number: int) -> list[Item]:
        """The samples of this process's batch `number`, counted from 0 over all epochs."""
        epoch, within = divmod(number, self.per_epoch)
        longest = max(self.counts)
        drawn = [_permutation(self.seed, epoch, longest, self.pieces)]
        for source, count in list(enumerate(self.counts))[1:]:
            drawn.append(drawn[0] if self.together else _others(self.seed, epoch, longest, count, source))
        start = (within * self.world + self.rank) * self.batch
        items = []
        for position in range(start, start + self.batch):
            place = position % longest
            indices = tuple(int(numbers[place]) % count for numbers, count in zip(drawn, self.counts, strict=True))
            items.append(Item(epoch, position, indices))
        return items


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int, pieces: Pieces | None) -> np.ndarray:
    rng = random(ORDER, seed, epoch)
    return rng.permutation(count) if pieces is None else pieces.permutation(rng)


@lru_cache(maxsize=16)
def _others(seed: int, epoch: int, places: int, count: int, source: int) -> np.ndarray:
    """A random item of source number `source`, from 1, for each place."""
    return random(nth(PARTNERS, source - 1), seed, epoch).integers(count, size=places)
