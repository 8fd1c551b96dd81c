"""Whether the tiles of an image show: neighbours compute the same pixels where they meet, and are compared there."""

from collections import defaultdict

import torch
from torch import Tensor

from advloss.inference.tiles.tile_grid import AxisTile

GREY_LEVEL = 1 / 127.5
"""One of 256 levels, for images in [-1, 1]."""
FLOAT32, HALF = (0.5 * GREY_LEVEL, 0.001), (GREY_LEVEL, 0.02)
"""(difference, share of the values): tiles show where more than this share differ by more. In 16 bits rounding alone
moves up to 1% of a tile's values by more than a level (`precision.SHARE`), and two tiles are compared."""
WIDTH = 1
"""How many input pixels on either side of a border are compared."""


class Seams:
    """Compares the outputs of neighbouring tiles on either side of the border of their own parts.

    At the border each tile's error is its largest, since it falls off with the distance from the tile's end; and the
    two tiles end on different sides, so that their errors do not cancel. No pass through the network is needed.
    """

    def __init__(self, scale: int, half: bool) -> None:
        self.scale = scale
        self._most, self._share = HALF if half else FLOAT32
        self._strips: dict[tuple[int, int, int], dict[str, Tensor]] = defaultdict(dict)
        """(axis, border, start of the tile's own part along the other axis) -> the two tiles' values there"""

    def add(self, row: AxisTile, column: AxisTile, made: Tensor) -> None:
        """made: a tile's output [1, C, h * scale, w * scale]. A tile that is added again replaces the first."""
        for axis, along, across in ((-1, column, row), (-2, row, column)):
            for side, border in (("after", along.first), ("before", along.last)):
                if border - WIDTH < along.start or border + WIDTH > along.stop:
                    continue  # the image's edge, or tiles that do not overlap
                strip = made.narrow(axis, (border - WIDTH - along.start) * self.scale, 2 * WIDTH * self.scale)
                own = (across.first - across.start) * self.scale, (across.last - across.first) * self.scale
                strip = strip.narrow(-3 - axis, *own)
                self._strips[axis, border, across.first][side] = strip.clamp(-1, 1)  # a copy

    def show(self) -> bool:
        """Whether the tiles that were added, and not compared before, show where they meet. Waits for the device."""
        whole = [key for key, strips in self._strips.items() if len(strips) == 2]
        pairs = [self._strips.pop(key) for key in whole]
        if not pairs:
            return False
        over = torch.stack([((pair["before"] - pair["after"]).abs() > self._most).sum() for pair in pairs]).sum()
        return bool(over.item() > self._share * sum(pair["before"].numel() for pair in pairs))
