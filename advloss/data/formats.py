"""The format of a field's values in files: channels, depth and range of images, classes of labels, size of vectors."""

from dataclasses import dataclass

import numpy as np

from advloss.images.picture import DTYPES, Depth

FULL: dict[Depth, tuple[float, float]] = {8: (0.0, 255.0), 16: (0.0, 65535.0)}
"""The range of whole numbers."""


@dataclass(frozen=True)
class FieldFormat:
    """The format of one field's values. Memory holds them so, the device scales them, and a trained model reads and
    writes files of this format.

    channels, depth: of an image. range: the values that become -1 and 1. classes: the names of a label's classes.
    size: numbers in a vector or a noise.
    """

    channels: int = 3
    depth: Depth = 8
    range: tuple[float, float] = FULL[8]
    classes: tuple[str, ...] | None = None
    size: int | None = None

    @property
    def dtype(self) -> np.dtype:
        """uint8, uint16 or float32."""
        return DTYPES[self.depth]

    @property
    def pixel_bytes(self) -> int:
        """The bytes of one pixel."""
        return self.channels * self.dtype.itemsize


RGB8 = FieldFormat()
"""The format of ordinary photographs, and of model files that say no format."""
MASK = FieldFormat(channels=1)
"""The format of a mask's file: levels of 128 and more are 1, others 0."""
