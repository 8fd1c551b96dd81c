"""Losses of local structure: SSIM, MS-SSIM, total variation.

x, y: float images [B, C, H, W] of one shape in [-1, 1], computed in float32 at least and outside autocast. The modules
raise InputError if shapes differ, an image is empty, of integers or too small, or its values are far outside [-1, 1].
"""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.core.precision import at_least_float32, full_precision
from advloss.losses.checks import InputCheck

WindowSize = Annotated[int, at_least(3)]
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of the five scales, finest first: Wang, Simoncelli and Bovik 2003."""


def ssim(x: Tensor, y: Tensor, window_size: int = 11) -> Tensor:
    """The structural similarity of each pair of images, at most 1: [B, C, H, W], [B, C, H, W] -> [B].

    Mean over pixels and channels of (2 mx my + c1)(2 sxy + c2) / ((mx^2 + my^2 + c1)(sx^2 + sy^2 + c2)), with means m
    and (co)variances s under a Gaussian window of sigma 1.5, c1 = 0.01^2, c2 = 0.03^2, on images converted to [0, 1].
    Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13. Windows are whole ones only ('valid'): no padding takes part.
    """
    _check_size(x, window_size, "SSIM")
    return _similarity(_unit(x), _unit(y), window_size)[0].mean((1, 2, 3))


def ms_ssim(x: Tensor, y: Tensor, window_size: int = 11) -> Tensor:
    """SSIM over five scales, each half the size of the one before: [B, C, H, W], [B, C, H, W] -> [B], at most 1.

    The product of the scales' means of contrast and structure, and of SSIM itself at the coarsest, to the powers of
    SCALE_WEIGHTS, for each channel, then the mean over channels; whole windows only, 2 x 2 means between the scales.
    Wang, Simoncelli and Bovik 2003 (Asilomar), eq. 7. A negative mean, which has no real power, counts as 1e-6, and so
    does 0, where the gradient would be infinite. Height and width must be more than 16 (window_size - 1).
    """
    _check_size(x, 16 * (window_size - 1) + 1, "MS-SSIM")
    x, y = _unit(x), _unit(y)
    result = x.new_ones(x.shape[:2])  # [B, C]
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            x, y = (avg_pool2d(image, 2, ceil_mode=True) for image in (x, y))
        similarity, structure = _similarity(x, y, window_size)
        values = similarity if scale == len(SCALE_WEIGHTS) - 1 else structure
        result = result * values.mean((2, 3)).clamp(min=1e-6) ** weight
    return result.mean(1)


def total_variation(x: Tensor) -> Tensor:
    """mean |x[i+1, j] - x[i, j]| + mean |x[i, j+1] - x[i, j]|: [B, C, H, W] -> scalar.

    Rudin, Osher and Fatemi 1992, anisotropic. Each mean is over all pairs of neighbours, channels and images, so the
    value depends on the size of neither image nor batch; it is on [-1, 1], twice that of [0, 1].
    """
    from kornia.losses import total_variation  # late: no other loss needs kornia

    return total_variation(at_least_float32(x), reduction="mean").mean()


class SSIM(nn.Module):
    """1 - mean SSIM; see `ssim`. window_size in pixels, odd."""

    partners = True

    def __init__(self, window_size: WindowSize = 11) -> None:
        super().__init__()
        self.window_size = _odd(window_size)
        self.check = InputCheck()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return 1 - ssim(x, y, self.window_size).mean()


class MSSSIM(nn.Module):
    """1 - mean MS-SSIM; see `ms_ssim`. window_size in pixels, odd; 11 wants images above 160 pixels, 5 above 64."""

    partners = True

    def __init__(self, window_size: WindowSize = 11) -> None:
        super().__init__()
        self.window_size = _odd(window_size)
        self.check = InputCheck()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return 1 - ms_ssim(x, y, self.window_size).mean()


class TotalVariation(nn.Module):
    """The mean difference between neighbouring pixels of one image; see `total_variation`."""

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    def forward(self, x: Tensor) -> Tensor:
        self.check(x=x)
        return total_variation(x)


def _unit(x: Tensor) -> Tensor:
    return (at_least_float32(x) + 1) / 2


def _similarity(x: Tensor, y: Tensor, window_size: int) -> tuple[Tensor, Tensor]:
    """Maps of SSIM and of its factor of contrast and structure, for images in [0, 1]: [B, C, H - w + 1, W - w + 1]."""
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d  # late: no other loss needs kornia

    kernel = get_gaussian_kernel1d(window_size, 1.5, device=x.device, dtype=x.dtype)
    with full_precision(x):
        moments = filter2d_separable(torch.cat([x, y, x * x, y * y, x * y]), kernel, kernel, padding="valid")
    mean_x, mean_y, xx, yy, xy = moments.chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * structure, structure


def _odd(window_size: int) -> int:
    if window_size < 3 or window_size % 2 == 0:
        raise InputError(f"window_size={window_size}; it is an odd number of pixels, at least 3")
    return window_size


def _check_size(x: Tensor, least: int, name: str) -> None:
    if x.ndim != 4:
        raise InputError(f"{name} compares images [B, C, H, W]; these have shape {tuple(x.shape)}")
    if min(x.shape[-2:]) < least:
        height, width = x.shape[-2:]
        raise InputError(f"{name} needs images of at least {least} x {least} pixels; these have {height} x {width}")
