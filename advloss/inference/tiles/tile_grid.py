"""How an image is cut into overlapping tiles, axis by axis, and how much of each goes into the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class AxisTile:
    """One tile along an axis; all numbers are input pixels of the padded image.

    [start, stop): the network's input. [first, last): the tile's own part; each pixel is in the own part of exactly one
    tile. The tile fades in over [first - fade, first + fade) and fades out over [last - fade, last + fade), except at
    the image's edges.
    """

    start: int
    stop: int
    first: int
    last: int
    fade_in: int
    fade_out: int

    @property
    def reach(self) -> tuple[int, int]:
        """[from, to): the pixels of the result to which the tile adds."""
        return self.first - self.fade_in, self.last + self.fade_out

    def mirrored(self) -> "AxisTile":
        """The same tile on the reversed axis, where pixel i becomes -i."""
        return AxisTile(-self.stop, -self.start, -self.last, -self.first, self.fade_out, self.fade_in)

    def weights(self, scale: int, device: torch.device) -> Tensor:
        """The tile's weight at each output pixel of `reach`: float32 [scale * (to - from)], in [0, 1].

        The weights of all tiles sum to 1 at each pixel.
        """
        low, high = self.reach
        weights = torch.ones((high - low) * scale, device=device)
        for fade, rising in ((self.fade_in, True), (self.fade_out, False)):
            pixels = 2 * fade * scale
            ramp = (torch.arange(pixels, device=device) + 0.5) / max(pixels, 1)
            if rising:
                weights[:pixels] = ramp
            elif pixels:
                weights[-pixels:] = 1 - ramp
        return weights

    def own_share(self, length: int, device: torch.device) -> Tensor:
        """The part of each of `length` equal intervals of [start, stop) that is in the own part: float32 [length].

        length: the side of a feature map of this tile, at any resolution.
        """
        pixel = Fraction(self.stop - self.start, length)
        edges = torch.arange(length + 1, dtype=torch.float64, device=device) * float(pixel) + self.start
        inside = edges.clamp(self.first, self.last)
        return ((inside[1:] - inside[:-1]) / float(pixel)).float()


def axis_tiles(length: int, tile: int, overlap: int, multiple: int, fade: int) -> list[AxisTile]:
    """The tiles of an axis, in order. All have the same size; the last is shifted inwards, so its overlap is larger.

    length: of the axis. tile: the side of the network's input, a multiple of `multiple`. Each start is a multiple too.
    If the length is not, the last tile is smaller, by less than `multiple`. overlap: the least number of pixels between
    a tile's own part and its artificial borders. fade: pixels on each side of the border of two own parts over which
    one tile fades into the other, less than `overlap` (0: none); fewer if a third tile would overlap there.
    """
    if tile >= length:
        return [AxisTile(0, length, 0, length, 0, 0)]
    step = (tile - 2 * overlap) // multiple * multiple
    fade = min(fade, step // 4)
    starts = [*range(0, length - tile, step), -(-(length - tile) // multiple) * multiple]
    borders = [(before + tile + after) // 2 for before, after in pairwise(starts)]
    edges = [0, *borders, length]
    last = len(starts) - 1
    return [
        AxisTile(start, min(start + tile, length), edges[i], edges[i + 1], fade if i else 0, fade if i < last else 0)
        for i, start in enumerate(starts)
    ]


def least_tile(overlap: int, multiple: int) -> int:
    """The smallest tile, in pixels, whose own part, without the overlap, is at least one `multiple`."""
    return multiple - (-2 * overlap // multiple) * multiple


def even_tile(length: int, tile: int, overlap: int, multiple: int, least: int = 1) -> int:
    """The smallest tile, `least` or more, that covers `length` with no more tiles than `tile` does.

    Less is then computed twice. least: a multiple of `multiple`, or 1.
    """
    if tile >= length:
        return length
    number = len(axis_tiles(length, tile, overlap, multiple, 0))
    for smaller in range(max(least_tile(overlap, multiple), least), tile, multiple):
        if len(axis_tiles(length, smaller, overlap, multiple, 0)) == number:
            return smaller
    return tile


def batches(axis: Sequence[AxisTile], most: int) -> Iterator[list[AxisTile]]:
    """The tiles of an axis, in order, in as few batches of up to `most` tiles as possible, of nearly equal sizes.

    A tile of another size (the last may be smaller) is a batch of its own.
    """
    for _, alike in groupby(axis, lambda span: span.stop - span.start):
        tiles = list(alike)
        number = -(-len(tiles) // -(-len(tiles) // most))
        yield from (tiles[first : first + number] for first in range(0, len(tiles), number))


@dataclass(frozen=True)
class Grid:
    """The tiles of one image: those of its rows times those of its columns, all of one shape.

    overlap: in input pixels.
    """

    rows: list[AxisTile]
    columns: list[AxisTile]
    overlap: int = 0

    @property
    def side(self) -> int:
        """The longer side of a tile, in input pixels."""
        return max(axis[0].stop - axis[0].start for axis in (self.rows, self.columns))

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[AxisTile, AxisTile]]:
        return ((row, column) for row in self.rows for column in self.columns)
