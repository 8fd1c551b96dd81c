"""A source cut into pieces that are read together from the disk."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Pieces:
    """A source cut into pieces; the pictures of a piece are stored next to each other on the disk.

    An epoch takes the pieces in a random order, and shuffles the pictures within each `window` of them. So it shows
    each picture once, a batch has pictures from all over the source, and few pieces are read at any time.

    ends: integers [P], one more than the number of each piece's last picture.
    """

    ends: np.ndarray
    window: int

    def permutation(self, rng: np.random.Generator) -> np.ndarray:
        """The numbers 0 to ends[-1] - 1 in the order of an epoch."""
        drawn = rng.permutation(len(self.ends))
        lengths = np.diff(self.ends, prepend=0)[drawn]
        behind = self.ends[drawn]
        numbers = np.arange(lengths.sum()) + np.repeat(behind - np.cumsum(lengths), lengths)  # piece after piece
        for start in range(0, len(numbers), self.window):
            rng.shuffle(numbers[start : start + self.window])
        return numbers
