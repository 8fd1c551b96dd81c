"""Applies a network to one image, tile by tile. Rows of tiles are added up; norms get the whole image's statistics."""

import functools
import operator
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import TypeVar

import torch
from torch import Tensor

from advloss.core.reflection import mirrored_indices
from advloss.inference.tiles.cuda_graphs import tuned
from advloss.inference.tiles.engine import Engine
from advloss.inference.tiles.norm_statistics import Enough, HeldStatistics, Moments
from advloss.inference.tiles.precision import HALVES
from advloss.inference.tiles.receptive_field import without_a_trace
from advloss.inference.tiles.seams import Seams
from advloss.inference.tiles.self_ensemble import ORIENTATIONS, Orientation, SelfEnsemble, turned, turned_window
from advloss.inference.tiles.tile_grid import AxisTile, Grid, batches
from advloss.networks.layers.padding import padded_side

T = TypeVar("T")
Run = Callable[[Tensor, AxisTile, Sequence[AxisTile], torch.dtype | None], Sequence[T]]
"""(tiles [n, C, h, w] of a row, the row, their columns, the 16-bit type or None) -> the result of each tile"""

BAND = 1 << 22
"""How many values are yielded at once, so that the receiver's copies of them are small too."""
MEMORY_FORMAT = torch.channels_last
"""The memory layout of tiles for networks without norms that take statistics: 1.3 to 1.5 times as fast on a CPU as the
contiguous one. Networks with such norms are not faster with it; and for an image of a single colour these norms make
its different rounding visible."""


class TiledImage:
    """The state of one image that is computed row of tiles by row of tiles.

    done: how many output rows are finished; statistics: those of the norms, once they are known. Both stay valid if the
    grid changes. half: the 16-bit type to run in; None: float32.
    """

    def __init__(self, tiler: Engine, image: Tensor, half: torch.dtype | None) -> None:
        self.tiler = tiler
        self.image = image
        self.half = half
        self.done = 0
        self.ticks = self.ticks_wanted = 0
        self.statistics: list[Moments] | None = None
        height, width = image.shape[-2:]
        self.row_index = mirrored_indices(height, 0, padded_side(tiler.network, height) - height, image.device)
        self.column_index = mirrored_indices(width, 0, padded_side(tiler.network, width) - width, tiler.device)

    def bands(self, grid: Grid, seams: Seams | None, widens: bool) -> Generator[Tensor, None, bool]:
        """The output rows from `done` on, as `Tiler.bands` gives them. Returns whether all of them were given.

        seams: compares neighbouring tiles. widens: whether to stop before a row of tiles that show, so that the rest is
        computed with a wider overlap; if not, the user is told.
        """
        left = [row for row in grid.rows if row.reach[1] * self.tiler.scale > self.done]
        self.ticks_wanted = self.ticks + len(left) * len(grid.columns)
        if len(grid) > 1 and self.statistics is None and self.tiler.norm_calls:
            with self._tuned(grid):
                self.statistics = self._settled(grid)
        height, width = (side * self.tiler.scale for side in self.image.shape[-2:])
        started: Tensor | None = None  # rows from `done` on that wait for the next tiles
        for number, row in enumerate(left):
            with self._tuned(grid):  # not around `yield`, where the receiver's code runs
                rows = self._row(grid, row, row.reach[1] * self.tiler.scale - self.done, seams)
            if seams is not None and seams.show():
                if widens:
                    return False
                self.tiler.say_once(
                    f"an overlap of {grid.overlap} pixels is too small for this network: seams may show. A larger one, "
                    "or exact, hides them, and takes longer"
                )
            if started is not None:
                rows[:, :, : started.shape[2]] += started
            later = left[number + 1].reach[0] * self.tiler.scale if row is not left[-1] else height
            ready = min(later, height) - self.done
            started = rows[:, :, ready:].clone()
            yield from self._pieces(rows[:, :, :ready, :width])
            del rows  # a row of tiles is much memory, and the next one is made now
            if self.done >= height:
                break
        return True

    def _pieces(self, rows: Tensor) -> Iterator[Tensor]:
        """Finished rows [1, C, h, W] in pieces of BAND values, which are counted in `done`."""
        step = max(1, BAND // (rows.shape[1] * rows.shape[3]))
        for top in range(0, rows.shape[2], step):
            piece = rows[:, :, top : top + step]
            self.done += piece.shape[2]
            yield piece

    def _row(self, grid: Grid, row: AxisTile, length: int, seams: Seams | None) -> Tensor:
        """The sum of one row of tiles for the output rows from `done` on: [1, C, length, padded width * scale]."""
        scale, device = self.tiler.scale, self.tiler.device
        rows: Tensor | None = None
        first = max(row.reach[0] * scale, self.done)
        down = row.weights(scale, device)[first - row.reach[0] * scale :, None]
        for column, made, finite in self._tiles(grid, row, self._outputs, lambda made: made):
            if seams is not None:
                seams.add(row, column, made)
            left, right = (end * scale for end in column.reach)
            part = made[:, :, first - row.start * scale :, left - column.start * scale : right - column.start * scale]
            part = part[:, :, : len(down)] * down * column.weights(scale, device)
            if rows is None:
                rows = torch.zeros(1, made.shape[1], length, grid.columns[-1].stop * scale, device=device)
            rows[:, :, first - self.done :, left:right] += part if finite is None else part.where(finite, 0)
        assert rows is not None
        return rows

    def _tiles(
        self, grid: Grid, row: AxisTile, run: Run[T], look_at: Callable[[T], Tensor]
    ) -> Iterator[tuple[AxisTile, T, Tensor | None]]:
        """Yields (column, the result of `run`, whether it is finite) for each tile of a row.

        Whether it is finite is a bool [] on the device; None in float32. Tiles that are not finite are yielded again,
        in float32. A result is valid until the next one.
        """
        strip = self._strip(row)
        finite: list[Tensor] = []
        for column, made in self._passes(strip, row, grid.columns, run, self.half):
            if self.half is not None:
                finite.append(look_at(made).isfinite().all())
            yield column, made, finite[-1] if finite else None
            self._tick()
        if self.half is None:
            return
        # one check for the whole row, since it waits for the device
        spoilt = [column for column, whole in zip(grid.columns, torch.stack(finite).tolist(), strict=True) if not whole]
        if not spoilt:
            return
        name = next(name for name, half in HALVES.items() if half == self.half)
        self.tiler.say_once(f"not finite in {name}: such tiles are computed again in float32")
        for column, made in self._passes(strip, row, spoilt, run, None):
            yield column, made, None

    def _passes(
        self, strip: Tensor, row: AxisTile, columns: Sequence[AxisTile], run: Run[T], half: torch.dtype | None
    ) -> Iterator[tuple[AxisTile, T]]:
        """Yields (column, the result of `run`) for some tiles of a row, which are batched where possible."""
        for some in batches(columns, self._together(row, columns, half)):
            yield from zip(some, run(self._input(strip, some), row, some, half), strict=True)

    def _together(self, row: AxisTile, columns: Sequence[AxisTile], half: torch.dtype | None) -> int:
        """The largest batch of a row's tiles. For a single tile memory is not measured."""
        height, width = row.stop - row.start, columns[0].stop - columns[0].start
        return self.tiler.together(height, width, half is not None) if len(columns) > 1 else 1

    def _strip(self, row: AxisTile) -> Tensor:
        """The rows of the image for a row of tiles, [1, C, h, W] on the network's device."""
        strip = self.image.index_select(-2, self.row_index[row.start : row.stop])
        return strip.to(self.tiler.device, torch.float32)

    def _input(self, strip: Tensor, columns: Sequence[AxisTile]) -> Tensor:
        """The network's input for some tiles of a row, cut from its strip: [n, C, h, w]."""
        tiles = [strip.index_select(-1, self.column_index[column.start : column.stop]) for column in columns]
        layout = torch.contiguous_format if self.tiler.norm_calls else MEMORY_FORMAT
        return torch.cat(tiles).contiguous(memory_format=layout)

    def _outputs(
        self, tiles: Tensor, row: AxisTile, columns: Sequence[AxisTile], half: torch.dtype | None
    ) -> Sequence[Tensor]:
        """The network's output for each tile: [1, C, h * scale, w * scale]."""

        def run(tiles: Tensor) -> Tensor:
            held = nullcontext() if self.statistics is None else HeldStatistics(self.statistics)
            with self._context(half, self._seed(row, columns[0])), held:
                made: Tensor = self.tiler.runs(tiles).float()
            return made

        # statistics are each image's own, in another place of memory
        recorded = self.statistics is None and self.tiler.is_plain
        return (self.tiler.recordings(run, tiles, half) if recorded else run(tiles)).split(1)

    def _moments(self, grid: Grid, row: AxisTile, known: list[Moments], orientation: Orientation) -> list[Moments]:
        """The moments of a row's own parts at the first norm whose statistics are not known."""

        def run(tiles: Tensor, row: AxisTile, columns: Sequence[AxisTile], half: torch.dtype | None) -> list[Moments]:
            windows = [turned_window(row, column, orientation) for column in columns]
            held = HeldStatistics(known, windows)
            with self._context(half, self._seed(row, columns[0])), suppress(Enough), held:
                self.tiler.network(turned(tiles, orientation))
            return held.found

        found: dict[AxisTile, Moments] = {}
        for column, one, _ in self._tiles(grid, row, run, lambda one: one.squares):
            found[column] = one  # if a tile is yielded twice, the second one is finite
        return list(found.values())

    def _settled(self, grid: Grid) -> list[Moments]:
        """The statistics of the whole image for each call of a norm, in order: see `statistics`."""
        orientations = ORIENTATIONS if isinstance(self.tiler.runs, SelfEnsemble) else ORIENTATIONS[:1]
        calls = self.tiler.norm_calls
        self.tiler.say_once(
            "the image does not fit into memory at once, and this network's norms need it whole: "
            f"{calls * len(orientations)} passes over its tiles come first"
        )
        self.ticks_wanted += calls * len(orientations) * len(grid)
        statistics = []
        for orientation in orientations:
            known: list[Moments] = []
            for _ in range(calls):
                parts = (part for row in grid.rows for part in self._moments(grid, row, known, orientation))
                known.append(functools.reduce(operator.add, parts))
            statistics += known
        return statistics

    def _tick(self) -> None:
        """Reports that one more tile is done, and how many there are as far as is known."""
        self.ticks += 1
        if self.ticks_wanted > 1:
            self.tiler.tick(self.ticks, self.ticks_wanted)

    def _seed(self, row: AxisTile, column: AxisTile) -> int:
        """The seed of a tile's noise: the same in each pass. For the first tile it is the tiler's seed."""
        return self.tiler.seed + row.first * len(self.column_index) + column.first

    def _tuned(self, grid: Grid) -> AbstractContextManager[None]:
        """A context in which cuDNN searches for the fastest algorithms, if many passes of one shape follow."""
        return tuned(self.tiler.device, self.ticks_wanted // self._together(grid.rows[0], grid.columns, self.half))

    @contextmanager
    def _context(self, half: torch.dtype | None, seed: int) -> Iterator[None]:
        """The context in which the network runs: no gradients, the precision, the seed of its noise."""
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.tiler.noisy:
                stack.enter_context(without_a_trace(self.tiler.device))
                torch.manual_seed(seed)
            if half is not None:
                stack.enter_context(torch.autocast(self.tiler.device.type, half))
            yield
