"""A source cut into pieces that are read together from the disk."""

from dataclasses import dataclass

import numpy as np


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
