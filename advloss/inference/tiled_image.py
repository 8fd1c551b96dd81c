"""One image through a network, tile by tile: rows are added up, norms get the whole image's statistics."""

import functools
import operator
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from advloss.inference.ensemble import ORIENTATIONS, Orientation, SelfEnsemble, turned, turned_window
from advloss.inference.precision import HALVES
from advloss.inference.receptive import without_a_trace
from advloss.inference.spans import Grid, Span
from advloss.inference.statistics import Enough, HeldStatistics, Moments
from advloss.methods.padding import mirrored, padded_side

if TYPE_CHECKING:
    from advloss.inference.tiling import Tiler

T = TypeVar("T")

BAND = 1 << 22
"""Values of a band that is handed out at once: what the receiver makes of it stays small too."""
MEMORY_FORMAT = torch.channels_last
"""The layout of tiles for networks without norms that take statistics: 1.3 to 1.5 times as fast on a CPU as the
contiguous one. Such norms gain nothing from it, and where an image is all one colour they show its other rounding."""


class TiledImage:
    """One image on its way through a tiler, a row of tiles after the other.

    done: how many output rows are finished; statistics: the norms', once they are known. Both survive a change of grid.
    half: the 16-bit type to run in; None: float32.
    """

    def __init__(self, tiler: "Tiler", image: Tensor, half: torch.dtype | None) -> None:
        self.tiler = tiler
        self.image = image
        self.half = half
        self.done = 0
        self.ticks = self.ticks_wanted = 0
        self.statistics: list[Moments] | None = None
        height, width = image.shape[-2:]
        self.row_index = mirrored(height, padded_side(tiler.network, height), image.device)
        self.column_index = mirrored(width, padded_side(tiler.network, width), image.device)

    def bands(self, grid: Grid) -> Iterator[Tensor]:
        """The output rows from `done` on, as `Tiler.bands` gives them."""
        ahead = [row for row in grid.rows if row.reach[1] * self.tiler.scale > self.done]
        self.ticks_wanted = self.ticks + len(ahead) * len(grid.columns)
        if len(grid) > 1 and self.statistics is None and self.tiler.norm_calls:
            self.statistics = self._settled(grid)
        height, width = (side * self.tiler.scale for side in self.image.shape[-2:])
        started: Tensor | None = None  # rows from `done` on that wait for the next tiles
        for number, row in enumerate(ahead):
            rows = self._row(grid, row, row.reach[1] * self.tiler.scale - self.done)
            if started is not None:
                rows[:, :, : started.shape[2]] += started
            later = ahead[number + 1].reach[0] * self.tiler.scale if row is not ahead[-1] else height
            ready = min(later, height) - self.done
            started = rows[:, :, ready:].clone()
            step = max(1, BAND // (rows.shape[1] * width))
            for top in range(0, ready, step):
                band = rows[:, :, top : min(top + step, ready), :width]
                self.done += band.shape[2]
                yield band
            if self.done >= height:
                return

    def _row(self, grid: Grid, row: Span, length: int) -> Tensor:
        """What one row of tiles adds to the output rows from `done` on: [1, C, length, padded width * scale]."""
        scale, device = self.tiler.scale, self.tiler.device
        rows: Tensor | None = None
        first = max(row.reach[0] * scale, self.done)
        down = row.weights(scale, device)[first - row.reach[0] * scale :, None]
        for column in grid.columns:
            made = self._tile(row, column)
            self._tick()
            left, right = (end * scale for end in column.reach)
            part = made[:, :, first - row.start * scale :, left - column.start * scale : right - column.start * scale]
            part = part[:, :, : len(down)] * down * column.weights(scale, device)
            if rows is None:
                rows = torch.zeros(1, made.shape[1], length, grid.columns[-1].stop * scale, device=device)
            rows[:, :, first - self.done :, left:right] += part
        assert rows is not None
        return rows

    def _input(self, row: Span, column: Span) -> Tensor:
        """[1, 3, h, w]: what the network sees of the image for one tile."""
        tile = self.image.index_select(-1, self.column_index[column.start : column.stop])
        tile = tile.index_select(-2, self.row_index[row.start : row.stop])
        layout = torch.contiguous_format if self.tiler.norm_calls else MEMORY_FORMAT
        return tile.to(self.tiler.device, torch.float32).contiguous(memory_format=layout)

    def _tile(self, row: Span, column: Span) -> Tensor:
        """[1, C, h * scale, w * scale]: what the network makes of one tile."""
        tile = self._input(row, column)

        def run() -> Tensor:
            with nullcontext() if self.statistics is None else HeldStatistics(self.statistics):
                made: Tensor = self.tiler.runs(tile).float()
            return made

        return self._in_precision(run, lambda made: made, self._seed(row, column))

    def _moments(self, row: Span, column: Span, known: list[Moments], orientation: Orientation) -> Moments:
        """What the first norm that nothing is known of finds in the tile's own part."""
        tile = turned(self._input(row, column), orientation)

        def run() -> Moments:
            with suppress(Enough), HeldStatistics(known, turned_window(row, column, orientation)) as held:
                self.tiler.network(tile)
            assert held.found is not None
            return held.found

        found = self._in_precision(run, lambda found: found.squares, self._seed(row, column))
        self._tick()
        return found

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
                parts = (self._moments(row, column, known, orientation) for row, column in grid)
                known.append(functools.reduce(operator.add, parts))
            statistics += known
        return statistics

    def _tick(self) -> None:
        """One tile more is done, of those that are to be done as far as is known."""
        self.ticks += 1
        if self.ticks_wanted > 1:
            self.tiler.tick(self.ticks, self.ticks_wanted)

    def _seed(self, row: Span, column: Span) -> int:
        """Of a tile's noise: the same in each pass, and the tiler's own for the first tile, whatever its size."""
        return self.tiler.seed + row.first * len(self.column_index) + column.first

    def _in_precision(self, run: Callable[[], T], look_at: Callable[[T], Tensor], seed: int) -> T:
        """What `run` gives in 16 bits, or in float32 if that is not finite."""
        if self.half is not None:
            with self._context(seed), torch.autocast(self.tiler.device.type, self.half):
                made = run()
            if bool(look_at(made).isfinite().all()):
                return made
            name = next(name for name, half in HALVES.items() if half == self.half)
            self.tiler.say_once(f"not finite in {name}: such tiles are computed again in float32")
        with self._context(seed):
            return run()

    @contextmanager
    def _context(self, seed: int) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.tiler.noisy:
                stack.enter_context(without_a_trace(self.tiler.device))
                torch.manual_seed(seed)
            yield
