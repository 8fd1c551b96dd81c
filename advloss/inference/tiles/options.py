"""How an image is tiled and computed: from the command line down to the `Tiler`."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Overlap = int | Literal["exact"] | None


@dataclass(frozen=True)
class TileOptions:
    """What a user may choose.

    tile: the side, in input pixels, of what the network sees at once, at most; None: from the free memory, 0: the whole
        image at once. Halved where memory runs out.
    overlap: input pixels around each tile's own part, part of `tile`; None: as far as the network sees, within limits
        (`OVERLAP`) that leave less than half a grey level of difference; "exact": as far as the network sees, so that
        the result is that of the whole image. Tiles fade into each other unless that is so.
    precision: auto is what the device is fast with and the file's bit depth allows: see `half_type`.
    ensemble: the mean over the 8 flips and rotations of each tile.
    """

    tile: int | None = None
    overlap: Overlap = None
    precision: Precision = "auto"
    ensemble: bool = False


AUTO = TileOptions()
FLOAT32 = TileOptions(precision="fp32")
