"""Unsharp masking, as Real-ESRGAN sharpens its training pictures."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.degradations.filters import filtered

SIDE = 51
"""Of the Gaussian, in pixels: the published radius, 50, made odd."""
SIGMA = 0.3 * ((SIDE - 1) * 0.5 - 1) + 0.8
"""Of the Gaussian, in pixels: 8, what OpenCV's getGaussianKernel takes where none is given."""
WEIGHT = 0.5
THRESHOLD = 10 / 127.5
"""10 grey levels."""


def unsharp(x: Tensor) -> Tensor:
    """float [B, 3, H, W] in [-1, 1] -> the same, sharpened where it differs from its blur by over 10 grey levels.

    With r = x - blur(x) and m = blur(1 where |r| > 10 levels, else 0), for each colour,
        m clip(x + r / 2) + (1 - m) x.
    Real-ESRGAN's pixel and VGG losses compare with it, and its degradation starts from it (Wang et al. 2021,
    arXiv:2107.10833, "sharpened ground-truth images", and its published code). Computed and given in float32 at least.
    Images whose sides are below the Gaussian's reach of 25 pixels are mirrored more than once. Raises `InputError`.
    """
    if x.ndim != 4 or not x.is_floating_point():
        raise InputError(f"unsharp takes float images [B, C, H, W], not {x.dtype} {tuple(x.shape)}")
    if x.dtype != torch.float64:
        x = x.float()
    residual = x - _blurred(x)
    mask = _blurred((residual.abs() > THRESHOLD).to(x.dtype))
    return torch.lerp(x, (x + WEIGHT * residual).clamp(-1, 1), mask)


def gaussian(side: int, sigma: float) -> np.ndarray:
    """float64 [side]: a Gaussian around the middle, of sum 1."""
    distances = np.arange(side) - (side - 1) / 2
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    return weights / weights.sum()


def _blurred(x: Tensor) -> Tensor:
    weights = _weights(x.device, x.dtype)
    return filtered(filtered(x, weights[:, None]), weights[None])


@lru_cache(maxsize=16)
def _weights(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Cache: a copy would wait for the device."""
    with torch.inference_mode(False):
        return torch.from_numpy(gaussian(SIDE, SIGMA)).to(device, dtype)
