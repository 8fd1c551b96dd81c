"""Smaller and larger feature maps: filtered before pixels are dropped or between new ones, or averaged to one size."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.reflection import reflected, repeated
from advloss.networks.layers.parameters import check_choice

Edges = Literal["zeros", "replicate"]


class Blur(nn.Module):
    """The binomial filter [1, 3, 3, 1] / 8 along rows and columns, against aliasing where pixels are dropped next.

    Zhang 2019, arXiv:1904.11486; these weights are those of StyleGAN2's code. x: [B, C, H, W] ->
    [B, C, (H + 2 padding - 4) / stride + 1, ...], padded with zeros.
    """

    kernel: Tensor

    def __init__(self, padding: int, stride: int = 1) -> None:
        super().__init__()
        self.padding = padding
        self.stride = stride
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)  # [1, 1, 4, 4]

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        return F.conv2d(x, self.kernel.expand(channels, -1, -1, -1), None, self.stride, self.padding, groups=channels)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, stride={self.stride}"


class BlurredHalving(nn.Module):
    """Half as large: the binomial filter [1, 2, 1] / 4 along rows and columns, then every second pixel.

    x: [B, C, H, W] -> [B, C, H/2, W/2], rounded up; the edges are mirrored. Zhang 2019, arXiv:1904.11486, with the
    filter of CUT's code (Park et al. 2020, arXiv:2007.15651).
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)  # [1, 1, 3, 3]

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, -1, -1, -1)
        return F.conv2d(_with_edges(x, "reflect", reflected), kernel, None, stride=2, groups=channels)


class BlurredDoubling(nn.Module):
    """Twice as large: zeros between the pixels, then `Blur`'s filter, times 4.

    x: [B, C, H, W] -> [B, C, 2H, 2W]. Inside it is bilinear interpolation. edges: what is around the map: `zeros`, as
    in StyleGAN2's and R3GAN's code, or `replicate`, its last pixels, as in CUT's (Park et al. 2020, arXiv:2007.15651).
    Raises InputError for other edges.
    """

    kernel: Tensor

    def __init__(self, edges: Edges = "zeros") -> None:
        super().__init__()
        check_choice("edges", edges, Edges)
        self.edges = edges
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)  # [1, 1, 4, 4]

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, -1, -1, -1)
        around = self.edges == "replicate"
        x = _with_edges(x, "replicate", repeated) if around else x
        return F.conv_transpose2d(x, kernel, None, stride=2, padding=3 if around else 1, groups=channels)

    def extra_repr(self) -> str:
        return f"edges={self.edges}"


def _with_edges(x: Tensor, mode: str, along: Callable[[Tensor, int, int, int], Tensor]) -> Tensor:
    """One more pixel at each edge, `F.pad`'s mode. along: the same along one axis, with a deterministic gradient."""
    if torch.are_deterministic_algorithms_enabled():
        return along(along(x, 2, 1, 1), 3, 1, 1)
    return F.pad(x, (1, 1, 1, 1), mode)


class ToGrid(nn.Module):
    """Means over grid x grid cells of a map of any size, as adaptive pooling: [B, C, H, W] -> [B, C, grid, grid].

    A map of that size is returned unchanged. It is computed as two matrix products, because the gradient of torch's
    adaptive pooling is not deterministic on CUDA.
    """

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if height == width == self.grid:
            return x
        return _cells(height, self.grid, x) @ x @ _cells(width, self.grid, x).mT  # [B, C, grid, grid]

    def extra_repr(self) -> str:
        return f"{self.grid}x{self.grid}"


def _cells(length: int, grid: int, like: Tensor) -> Tensor:
    """The weight of each pixel in each cell, [grid, length]. Cells overlap where `grid` doesn't divide `length`."""
    cell = torch.arange(grid, device=like.device)[:, None]
    pixel = torch.arange(length, device=like.device)
    ingrid = (pixel >= cell * length // grid) & (pixel < ((cell + 1) * length + grid - 1) // grid)
    return ingrid.to(like.dtype) / ingrid.sum(1, keepdim=True)
