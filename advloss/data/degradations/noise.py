"""Noise on images [1, 3, H, W] in [0, 1], drawn on the device, as Real-ESRGAN adds it. Nothing waits for the device."""

import torch
from torch import Tensor

GREY = (0.2989, 0.587, 0.114)
"""The weights of red, green and blue in the grey picture from which grey Poisson noise is made, as in torchvision."""


def with_gaussian(x: Tensor, sigma: float, grey: bool, generator: torch.Generator) -> Tensor:
    """x + sigma n, n ~ N(0, I), cut to [0, 1]. sigma: in grey levels of 255; grey: one n for the three colours."""
    shape = (1, 1 if grey else 3, *x.shape[2:])
    noise = torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)
    return (x + sigma / 255 * noise).clamp(0, 1)


def with_poisson(x: Tensor, strength: float, grey: bool, generator: torch.Generator) -> Tensor:
    """x + strength (Poisson(v y) / v - y), cut to [0, 1], where y is x (or its grey picture) in 8-bit levels.

    v is the number of different levels in y, rounded up to a power of two: how many photons white is.
    """
    if grey:
        red, green, blue = x.unbind(1)
        seen = (GREY[0] * red + GREY[1] * green + GREY[2] * blue)[:, None]  # [1, 1, H, W]
    else:
        seen = x
    levels = (seen * 255).round().clamp(0, 255)
    different = (levels.flatten().sort().values.diff() != 0).sum() + 1  # []
    photons = different.to(x.dtype).log2().ceil().exp2()  # []
    seen = levels / 255
    noise = torch.poisson(seen * photons, generator=generator) / photons - seen
    return (x + strength * noise).clamp(0, 1)
