"""Bicubic resizing that agrees with MATLAB's imresize, with which the super-resolution literature makes its images."""

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError

SUPPORT = 4.0
"""Width of the bicubic kernel, in pixels of the coarser of the two grids."""


def imresize(images: Tensor, size: tuple[int, int] | None = None, *, scale: float | Fraction | None = None) -> Tensor:
    """float [B, C, H, W] of any range -> the same at another size; nothing is rounded or clipped. Differentiable.

    Keys' kernel with a = -0.5, stretched where an axis shrinks (antialias), its weights normalised, over an image
    mirrored with its edge pixel repeated ("symmetric"). Either `size` (height, width) in pixels, or `scale` for both
    axes, which gives ceil(side * scale) pixels a side and keeps exactly that scale, as MATLAB does. The result is
    float64 for float64, and float32 for all other types. Raises `InputError`.
    """
    images = _checked(images)
    (rows, by_row), (columns, by_column) = _sizes(images, size, scale)
    return _resized(_resized(images, 2, rows, by_row), 3, columns, by_column)


def imresize_levels(
    images: Tensor, size: tuple[int, int] | None = None, *, scale: float | Fraction | None = None, most: int = 255
) -> Tensor:
    """MATLAB's `imresize` of a picture of whole levels: [B, C, H, W] in [-1, 1] -> the same range, in levels.

    MATLAB rounds and clips to levels twice, after the rows and after the columns. At a sharp edge the result differs by
    up to 12 of 255 levels from one that is rounded at the end alone. most: the largest level, to which 1 belongs.
    """
    images = _checked(images)
    (rows, by_row), (columns, by_column) = _sizes(images, size, scale)
    return to_levels(_resized(to_levels(_resized(images, 2, rows, by_row), most), 3, columns, by_column), most)


def to_levels(images: Tensor, most: int = 255) -> Tensor:
    """Clips to [-1, 1] and rounds to the levels 0 to `most` of a file, halves up as in MATLAB."""
    half = most / 2
    return (images.clamp(-1, 1) * half + (half + 0.5)).floor() / half - 1


def _checked(images: Tensor) -> Tensor:
    if images.ndim != 4 or not images.is_floating_point():
        raise InputError(f"imresize takes float images [B, C, H, W], not {images.dtype} {tuple(images.shape)}")
    return images if images.dtype == torch.float64 else images.float()


def _sizes(
    images: Tensor, size: tuple[int, int] | None, scale: float | Fraction | None
) -> tuple[tuple[int, float], tuple[int, float]]:
    """(pixels, scale) of the rows and of the columns of the result."""
    sides = (images.shape[2], images.shape[3])
    if size is not None and scale is None:
        rows, columns = ((int(pixels), pixels / max(side, 1)) for pixels, side in zip(size, sides, strict=True))
    elif scale is not None and size is None:
        # 9 digits: so that 1/3 of 9 pixels is 3 pixels, however the third was rounded
        rows, columns = ((math.ceil(round(side * float(scale), 9)), float(scale)) for side in sides)
    else:
        raise InputError("imresize takes either a size or a scale")
    for side, (wanted, _) in zip(sides, (rows, columns), strict=True):
        if side < 1 or wanted < 1:
            raise InputError(f"imresize can't make {wanted} pixels of {side}; each side needs at least one")
    return rows, columns


def _resized(images: Tensor, axis: int, wanted: int, scale: float) -> Tensor:
    """Resizes one axis, as a sum over the taps: it takes little memory, and TF32 and autocast don't round it."""
    if wanted == images.shape[axis] and scale == 1:
        return images
    taps = _taps(images.shape[axis], wanted, scale, images.device, images.dtype, axis)
    result: Tensor | None = None
    for places, weights in taps:  # [wanted], [wanted, 1] or [wanted]
        seen = images.index_select(axis, places)
        result = seen * weights if result is None else result.addcmul_(seen, weights)
    assert result is not None
    return result


@lru_cache(maxsize=64)
def _taps(
    side: int, wanted: int, scale: float, device: torch.device, dtype: torch.dtype, axis: int
) -> list[tuple[Tensor, Tensor]]:
    """For each tap the input pixel of each output and its weight. Cached, since a copy would wait for the device."""
    places, weights = contributions(side, wanted, scale)
    with torch.inference_mode(False):  # or a later call could not be differentiated
        return [
            (
                torch.from_numpy(np.ascontiguousarray(places[:, tap])).to(device),
                torch.from_numpy(np.ascontiguousarray(weights[:, tap])).to(device, dtype)[(..., *[None] * (3 - axis))],
            )
            for tap in range(places.shape[1])
        ]


def contributions(side: int, wanted: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The input pixels of each output pixel, and their weights: int64 [wanted, taps], float64 [wanted, taps].

    Pixel i covers [i, i + 1): output pixel i has its middle at (i + 0.5) / scale of the input.
    """
    shrunk = min(scale, 1.0)
    width = SUPPORT / shrunk
    middles = (np.arange(wanted) + 0.5) / scale - 0.5  # in pixels, the first one's middle at 0
    first = np.floor(middles - width / 2).astype(np.int64)
    places = first[:, None] + np.arange(math.ceil(width) + 2)  # [wanted, taps]
    weights = cubic(shrunk * (middles[:, None] - places))
    weights /= weights.sum(1, keepdims=True)
    places %= 2 * side
    places = np.minimum(places, 2 * side - 1 - places)  # mirrored, the edge pixel twice
    used = np.any(weights != 0, axis=0)
    return places[:, used], weights[:, used]


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15): 1 at 0, zero at the other whole numbers."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
