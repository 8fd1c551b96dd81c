"""The options of tiling and precision, from the command line to `Tiler`."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Overlap = int | Literal["exact"] | None


@dataclass(frozen=True)
class TileOptions:
    """The options of a user.

    tile: the largest side of a tile, in input pixels, with the overlap; None: chosen from the free memory; 0: the whole
        image is one tile. It is halved if memory runs out.
    overlap: input pixels around each tile's own part. "exact": the reach of the network's receptive field, so that the
        result is that of the whole image. None: the same, but at most 64 at first; it is doubled in a picture where
        neighbouring tiles differ by more than half a grey level. If an overlap is smaller than the reach, tiles fade
        into each other. What a smaller one costs and saves stands at `MOST_OVERLAP`.
    precision: auto is a type that is fast on the device, where it gives the 8 bits of float32: see `half_for`.
    ensemble: whether the result is the mean over the 8 flips and rotations of each tile.
    """

    tile: int | None = None
    overlap: Overlap = None
    precision: Precision = "auto"
    ensemble: bool = False


AUTO = TileOptions()
FLOAT32 = TileOptions(precision="fp32")
