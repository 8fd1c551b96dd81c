"""Norms that compute mean and variance of their input: in tiles they use those of the whole image.

There is one pass over all tiles for each norm. It runs up to that norm, with the statistics of the norms before it, and
sums up the norm's own statistics, with each pixel counted once. An iterative way, which updates all norms' statistics
in each pass until they converge, is twice as much work: the 23 norms of a CycleGAN generator took 18 passes to come
within a tenth, since errors grow from norm to norm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from advloss.inference.tiles.tile_grid import AxisTile


@dataclass
class Moments:
    """Weighted count, mean and sum of squared deviations of each group of channels: float64 [], [G], [G].

    Two of them add up without loss of digits: Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    @property
    def variance(self) -> Tensor:
        """[G], not negative."""
        return self.squares / self.count

    def __add__(self, other: "Moments") -> "Moments":
        count = self.count + other.count
        share = other.count / count
        apart = other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * self.count * share
        return Moments(count, self.mean + apart * share, squares)


def moments(x: Tensor, groups: int, rows: Tensor | None, columns: Tensor | None) -> Moments:
    """The moments of [1, C, H, W] in groups of channels. Pixel (y, x) has weight rows[y] columns[x] (None: 1)."""
    values = x.float().reshape(groups, -1, *x.shape[2:])  # [G, C/G, H, W]
    if rows is None or columns is None or x.ndim != 4:
        values = values.flatten(1)
        mean = values.mean(1)
        squares = (values - mean[:, None]).square().sum(1)
        count = mean.new_full((), values.shape[1], dtype=torch.float64)
        return Moments(count, mean.double(), squares.double())
    count = rows.sum() * columns.sum() * values.shape[1]
    mean = ((values @ columns) @ rows).sum(1) / count  # [G]
    squares = (((values - mean[:, None, None, None]).square() @ columns) @ rows).sum(1)
    return Moments(count.double(), mean.double(), squares.double())


def own_moments(x: Tensor, window: tuple[AxisTile, AxisTile], groups: int) -> Moments:
    """The moments of the tile's own part of its feature map [1, C, H, W]; of all of any other tensor."""
    if x.ndim != 4:
        return moments(x, groups, None, None)
    rows, columns = (span.own_share(side, x.device) for span, side in zip(window, x.shape[2:], strict=True))
    return moments(x, groups, rows, columns)


class Enough(Exception):
    """Raised when a norm's statistics are summed up, so that the rest of the network does not run."""


class HeldStatistics(TorchFunctionMode):
    """A context in which norms that compute statistics of their input use given statistics instead.

    known: the statistics, in the order in which the norms are called. windows: the tiles in the batch [B, C, H, W],
    each along rows and columns. The first norm without known statistics puts the moments of each tile's own part into
    `found`, and raises `Enough`. fixed: whether all norms use mean 0 and variance 1. calls: how many norms were called.
    """

    def __init__(
        self, known: Sequence[Moments] = (), windows: Sequence[tuple[AxisTile, AxisTile]] = (), fixed: bool = False
    ) -> None:
        super().__init__()
        self.known = known
        self.windows = windows
        self.fixed = fixed
        self.calls = 0
        self.found: list[Moments] = []

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        read = NORMS.get(func)
        norm = read(*args, **(kwargs or {})) if read else None
        return func(*args, **(kwargs or {})) if norm is None else self._normalised(*norm)

    def _normalised(self, x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        call, self.calls = self.calls, self.calls + 1
        if self.fixed:
            mean, variance = x.new_zeros(groups, dtype=torch.float32), x.new_ones(groups, dtype=torch.float32)
        elif call < len(self.known):
            mean, variance = self.known[call].mean.float(), self.known[call].variance.float()
        else:
            assert self.windows
            images = x.chunk(len(self.windows))
            self.found = [own_moments(one, window, groups) for one, window in zip(images, self.windows, strict=True)]
            raise Enough
        channels = x.shape[1]
        factor = (variance + eps).rsqrt().repeat_interleave(channels // groups)  # [C]
        mean = mean.repeat_interleave(channels // groups)
        factor = factor if weight is None else factor * weight
        shift = -mean * factor if bias is None else bias - mean * factor
        shape = (1, channels, *[1] * (x.ndim - 2))
        made = torch.addcmul(shift.view(shape), x.float(), factor.view(shape))  # [1, C, H, W]
        return made if torch.is_autocast_enabled(x.device.type) else made.to(x.dtype)


Norm = tuple[Tensor, int, Tensor | None, Tensor | None, float]


def _group(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Norm:
    return input, num_groups, weight, bias, eps


def _instance(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Norm | None:
    return (input, input.shape[1], weight, bias, eps) if use_input_stats else None


def _batch(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Norm | None:
    return (input, input.shape[1], weight, bias, eps) if training else None


NORMS: dict[Callable, Callable[..., Norm | None]] = {
    F.group_norm: _group,
    F.instance_norm: _instance,
    F.batch_norm: _batch,
}
"""For each norm of torch, a function from its arguments to (input, groups, weight, bias, eps), or to None if it is
called with statistics."""
