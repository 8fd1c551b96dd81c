"""Self-ensemble: the mean of a network's results for the eight orientations of an image."""

import torch
from torch import Tensor, nn

from advloss.inference.tiles.tile_grid import AxisTile

Orientation = tuple[int, bool]
ORIENTATIONS: list[Orientation] = [(quarters, flipped) for quarters in range(4) for flipped in (False, True)]
"""(rotations by 90 degrees, whether mirrored left to right before); the first leaves an image as it is."""


def turned(x: Tensor, orientation: Orientation) -> Tensor:
    """[B, C, H, W] -> the image in that orientation, [B, C, H, W] or [B, C, W, H]."""
    quarters, flipped = orientation
    return torch.rot90(x.flip(-1) if flipped else x, quarters, (-2, -1))


def turned_back(y: Tensor, orientation: Orientation) -> Tensor:
    """Undoes `turned`."""
    quarters, flipped = orientation
    y = torch.rot90(y, -quarters, (-2, -1))
    return y.flip(-1) if flipped else y


def turned_window(row: AxisTile, column: AxisTile, orientation: Orientation) -> tuple[AxisTile, AxisTile]:
    """A tile along both axes (rows, columns) after `turned`."""
    quarters, flipped = orientation
    if flipped:
        column = column.mirrored()
    for _ in range(quarters):
        row, column = column.mirrored(), row
    return row, column


class SelfEnsemble(nn.Module):
    """The mean over the 8 flips and rotations of the input, each result rotated back: Timofte, Rothe, Van Gool 2016,
    arXiv:1511.02228, "enhanced prediction".

    x: [B, C, H, W]; the network must take its size and [B, C, W, H]. The result has the network's shape, in float32.
    The eight passes are made one after the other, so that they need no more memory than one.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        for name in ("scale", "multiple", "smallest"):
            setattr(self, name, int(getattr(network, name, 1)))

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros((), device=x.device)
        for orientation in ORIENTATIONS:
            total = total + turned_back(self.network(turned(x, orientation)).float(), orientation)  # [B, C', sH, sW]
        return total / len(ORIENTATIONS)
