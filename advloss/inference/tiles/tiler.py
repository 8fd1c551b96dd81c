"""Applies a network to an image of any size, in tiles, without visible seams."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from advloss.core.allocator import give_back_freed_memory
from advloss.core.errors import InputError
from advloss.core.memory import out_of_memory
from advloss.inference.tiles.engine import Engine, ignore
from advloss.inference.tiles.options import AUTO, Overlap, Precision, TileOptions
from advloss.inference.tiles.seams import Seams
from advloss.inference.tiles.tile_grid import Grid, axis_tiles, even_tile, least_tile
from advloss.inference.tiles.tiled_image import TiledImage
from advloss.networks.layers.padding import padded_side
from advloss.networks.layers.parameters import check_at_least, check_choice

MOST_OVERLAP = 64
"""The default overlap, in input pixels, is the network's reach, but at most this. It is doubled for a picture in which
tiles show, and halved where a tile could not be four times as large.

Measured with Real-ESRGAN's published networks on photographs, the largest difference from the whole image's result in
grey levels, and the share of the values that differ by more than half a level, behind an overlap of so many pixels:

| network (reach) | 16 | 32 | 48 | 64 | 80 |
|---|---|---|---|---|---|
| x4plus (349) | 34, 52% | 9, 16% | 4, 2% | 1.0, 0.01% | 0.1, 0 |
| x4plus_anime_6B (94) | 56, 35% | 16, 9% | 3, 0.6% | 0.06, 0 | 0, 0 |
| animevideov3 (18) | 0.08, 0 | 0, 0 | | | |
"""
OVERLAP_OF_NORMS = 512
"""The largest default overlap for networks with norms that take statistics of the image, since such norms amplify small
errors."""
OWN_PARTS = (480, 384, 320, 256, 224, 192, 160, 128, 96, 64, 48, 32, 16)
"""Sides of own parts, in input pixels, from which the largest that fits is chosen. Larger ones are not faster."""
SMALL = 128**2
"""An image of up to so many pixels is one tile, and no memory is measured, unless the user asks for tiles."""
LEAST = 16
"""The smallest tile, in input pixels. If memory runs out with it, that is an error."""


class TileTooSmall(InputError):
    """The tile that was asked for is not larger than its overlap, so that no picture can be cut into such tiles."""


class Tiler(Engine):
    """Applies a network to images of any size, in tiles.

    network: images [B, channels, H, W] -> [B, C, scale H, scale W], with attributes `scale`, `multiple` and `smallest`
        (1 if absent). It runs on the device of its weights, and is put into eval mode. On a GPU, tiles are batched and
        repeated passes recorded, if all layers are advloss's or torch's; else B is 1.
    options: see `TileOptions`; a tile that is not finite in 16 bits is computed again in float32.
    channels: of the images that the network takes.
    say: shows a sentence to the user, each sentence once.
    tick: called after each tile with (how many are done, how many there are), if there are several.
    seed: of the noise of networks that keep dropout on at inference.

    Norms that compute statistics of their input get those of the whole image, in several passes over it.
    Raises InputError for options out of range, and if no tile fits into memory.
    """

    def __init__(
        self,
        network: nn.Module,
        options: TileOptions = AUTO,
        *,
        channels: int = 3,
        say: Callable[[str], None] = ignore,
        tick: Callable[[int, int], None] = ignore,
        seed: int = 0,
    ) -> None:
        check_choice("precision", options.precision, Precision)
        numbers = {"tile": options.tile, "overlap": options.overlap}
        check_at_least(0, **{name: number for name, number in numbers.items() if isinstance(number, int)})
        super().__init__(network, options, channels=channels, say=say, tick=tick, seed=seed)
        self._last: torch.Size | None = None
        """the shape of the last image"""

    def __call__(self, image: Tensor, depth: int = 8) -> Tensor:
        """image: float32 [B, channels, H, W] in [-1, 1] -> [B, C, scale H, scale W] on the network's device."""
        return torch.cat([torch.cat(list(self.bands(one[None], depth)), dim=2) for one in image])

    def bands(self, image: Tensor, depth: int = 8) -> Iterator[Tensor]:
        """image: float32 [1, channels, H, W] in [-1, 1] on any device; depth: bits a channel of its file.

        Yields the finished rows from top to bottom, float32 [1, C, h, W * scale] on the network's device, and holds
        little more than one row of tiles.
        """
        if image.ndim != 4 or image.shape[:2] != (1, self.channels) or not image.numel():
            raise InputError(f"Tiler: takes one image [1, {self.channels}, H, W], not {list(image.shape)}")
        if image.shape != self._last:
            give_back_freed_memory()
            self._last = image.shape
        half = self.half(image, depth)
        height, width = image.shape[-2:]
        overlap = self.options.overlap
        grid = self._grid(height, width, self._first_side(height, width, half is not None, overlap), overlap)
        picture = TiledImage(self, image, half)
        self.recordings.begin()
        enough_memory = True
        while True:
            try:
                if (yield from picture.bands(grid, self._seams(grid, half), enough_memory and self._widens(grid))):
                    return
                grid = self._wider(height, width, grid, half is not None)
                continue
            except Exception as error:
                if not out_of_memory(error):
                    raise
            enough_memory = False
            # after `except`, since its traceback keeps the tensors that did not fit
            if not (self.recordings.close() | self.budget.close()):  # these go first, then tiles become smaller
                grid = self._smaller(height, width, grid)
            give_back_freed_memory()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _first_side(self, height: int, width: int, half: bool, overlap: Overlap = None) -> int:
        """The first side of tiles, in input pixels; it is halved if memory runs out."""
        whole = max(padded_side(self.network, height), padded_side(self.network, width))
        if self.options.tile is not None:
            return self.options.tile or whole
        most = (OWN_PARTS[0] + 2 * MOST_OVERLAP) ** 2
        if height * width <= SMALL:
            return whole
        # tiles would need passes over the whole image, or leave seams, so the whole image may take more memory
        if (height * width <= most or self.norm_calls or self.reach is None) and self.budget.fits(height, width, half):
            return whole
        around = 2 * self._margin(overlap)
        sides = [max(padded_side(self.network, own + around), self._least(around // 2)) for own in OWN_PARTS]
        return next((s for s in sides if self.budget.fits(min(s, height), min(s, width), half)), sides[-1])

    def _margin(self, overlap: Overlap) -> int:
        """The overlap in input pixels."""
        if isinstance(overlap, int):
            return overlap
        if self.reach is None:
            return MOST_OVERLAP
        if overlap == "exact":
            return self.reach
        if self.norm_calls:
            return min(self.reach, OVERLAP_OF_NORMS)
        margin = min(self.reach, MOST_OVERLAP)
        while margin > LEAST and not self._is_affordable(margin):
            margin //= 2
        return margin

    def _is_affordable(self, overlap: int) -> bool:
        """Whether a tile four times as large as the overlap is possible, so that half of it is the tile's own part."""
        side = padded_side(self.network, 4 * overlap)
        return side <= self.options.tile if self.options.tile else self.budget.fits(side, side, False)

    def _least(self, margin: int) -> int:
        """The smallest tile with this overlap, so that the last tile of a row is possible too."""
        smallest = padded_side(self.network, 1)
        if self.step > int(getattr(self.network, "multiple", 1)):
            smallest = -(-smallest // self.step) * self.step + self.step  # the last may be smaller, by less than a step
        return max(least_tile(margin, self.step), smallest)

    def _grid(self, height: int, width: int, side: int, overlap: Overlap) -> Grid:
        """The tiles of an image. Raises InputError for a tile that is not larger than its overlap."""
        lengths = padded_side(self.network, height), padded_side(self.network, width)
        if side >= max(lengths):
            rows, columns = (axis_tiles(length, length, 0, 1, 0) for length in lengths)
            return Grid(rows, columns)
        margin = self._margin(overlap)
        least = self._least(margin)
        if side < least:
            named = f"overlap={overlap}" if overlap is not None else "the overlap"
            needed = f"{named} is {margin} pixels on each side, so tile must be at least {least}"
            raise TileTooSmall(f"tile={side}: {needed}")
        side = max(side // self.step * self.step, least)
        # windows of a rotated image start at its other end, which is on the tiles' grid only if its size is a multiple
        off_grid = self.runs is not self.network and any(length % self.step for length in lengths)
        exact = self.reach is not None and margin >= self.reach and not off_grid
        cut = [even_tile(length, side, margin, self.step, least) for length in lengths]
        fade = 0 if exact else margin // 4
        rows, columns = (
            axis_tiles(length, tile, margin, self.step, fade) for length, tile in zip(lengths, cut, strict=True)
        )
        self._say_what_tiles_cannot(exact, off_grid)
        return Grid(rows, columns, margin)

    def _say_what_tiles_cannot(self, exact: bool, off_grid: bool) -> None:
        whole = "seams may show. tile=0 gives it the whole image, if memory allows"
        name = getattr(self.network, "tiles_discouraged", "")
        if self.reach is None:
            self.say_once(
                "this network looks at the whole image at once (attention, or averages over it), and tiles can't: "
                + whole
            )
        elif name and not exact:
            self.say_once(f"spandrel, which knows this network ({name}), advises against tiles: {whole}")
        if off_grid:
            self.say_once(
                f"this network computes in windows on a grid of {self.step} pixels, which flips of tiles don't keep "
                f"for a picture whose sides are no multiples of that: {whole}"
            )
        if self.noisy:
            self.say_once("this network's dropout stays on at inference: the noise is each tile's own")

    def _seams(self, grid: Grid, half: torch.dtype | None) -> Seams | None:
        """Compares the tiles of an image; None if they are exact, or if they must differ."""
        if len(grid) == 1 or self.noisy or self.reach is None or grid.overlap >= self.reach:
            return None
        if half is not None and self.options.precision != "auto":
            return None  # the type was not found accurate, and its rounding may be mistaken for seams
        return Seams(self.scale, half is not None)

    def _widens(self, grid: Grid) -> bool:
        """Whether the overlap is widened if tiles show: where the user has given none."""
        by_default = len(grid) > 1 and self.options.overlap is None
        return by_default and self._is_affordable(self._twice(grid.overlap))

    def _twice(self, overlap: int) -> int:
        """The next overlap, which is at most the network's reach."""
        return 2 * overlap if self.reach is None else min(2 * overlap, self.reach)

    def _wider(self, height: int, width: int, grid: Grid, half: bool) -> Grid:
        """Tiles with twice the overlap."""
        overlap = self._twice(grid.overlap)
        self.say_once(f"an overlap of {grid.overlap} pixels is too small for this network: going on with {overlap}")
        return self._grid(height, width, self._first_side(height, width, half, overlap), overlap)

    def _smaller(self, height: int, width: int, grid: Grid) -> Grid:
        """Tiles of half the side. Raises InputError if they would be too small."""
        overlap: Overlap = self.options.overlap
        half = grid.side // 2
        if overlap != "exact":
            overlap = min(grid.overlap or self._margin(overlap), half // 4)
        least = max(self._least(self._margin(overlap)), padded_side(self.network, LEAST))
        side = max(half, least)
        if side >= grid.side:
            remedy = "; a smaller overlap allows smaller tiles" if overlap == "exact" else ""
            raise InputError(f"out of memory with tiles of {grid.side} pixels, and smaller ones can't be{remedy}")
        smaller = self._grid(height, width, side, overlap)
        self.say_once(f"out of memory with tiles of {grid.side} pixels: going on with {smaller.side}")
        return smaller
