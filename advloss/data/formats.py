"""What a field's values are in the files: channels, depth and range of images, classes of labels, size of vectors."""

from dataclasses import dataclass

import numpy as np

from advloss.images.picture import DTYPES, Depth

FULL: dict[Depth, tuple[float, float]] = {8: (0.0, 255.0), 16: (0.0, 65535.0)}
"""The range of whole numbers."""


@dataclass(frozen=True)
class FieldFormat:
    """The form of one field's values: kept so in memory, scaled on the device; what a trained model reads and writes.

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
        """What one pixel takes."""
        return self.channels * self.dtype.itemsize


RGB8 = FieldFormat()
"""Of ordinary photographs; and of models that were made before other formats could be read."""
MASK = FieldFormat(channels=1)
"""A mask's file: levels from 128 on are 1."""
