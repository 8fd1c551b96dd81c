"""What writing a JPEG file and reading it again does to an image, on the device.

It follows libjpeg: 4:2:0, the tables of ISO/IEC 10918-1 annex K with libjpeg's scale of quality. On average it differs
from libjpeg's file by 0.1 to 0.5 levels, since coefficients halfway between two steps may be rounded to the other one.
kornia's codec, which rounds softly to have gradients, differs by 1.1 to 1.8 levels.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BRIGHTNESS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
COLOUR = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)

TINY = 1e-3
"""Added before rounding; coefficients are up to 1024."""


def tables(quality: int) -> np.ndarray:
    """Quantisation steps of brightness and colour at a quality from 1 to 100: float64 [2, 8, 8]."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.array([BRIGHTNESS, COLOUR]) * percent + 50) // 100, 1, 255).astype(np.float64)


def compressed(x: Tensor, steps: Tensor) -> Tensor:
    """float [B, 3, H, W] in [0, 1] -> what is read from the file, in 8-bit levels. steps: `tables` on the device."""
    height, width = x.shape[2:]
    rgb = _extended((x * 255).round().clamp(0, 255))  # [B, 3, H', W'], multiples of 16
    red, green, blue = rgb.split(1, 1)
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue  # [B, 1, H', W']
    colours = torch.cat([(blue - brightness) / 1.772, (red - brightness) / 1.402], 1) + 128
    halved = _halved(colours.round())  # [B, 2, H' / 2, W' / 2]
    y = _coded(brightness.round(), steps[0])
    # libjpeg's "fancy" enlargement, 3/4 of the nearer pixel and 1/4 of the other, is this one
    cb, cr = (F.interpolate(_coded(halved, steps[1]), scale_factor=2, mode="bilinear").round() - 128).split(1, 1)
    rgb = torch.cat([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], 1)
    return rgb[:, :, :height, :width].round().clamp(0, 255) / 255


def _coded(x: Tensor, steps: Tensor) -> Tensor:
    """[B, C, H, W] in [0, 255] through the cosine transform of 8x8 blocks and the rounding to `steps` [8, 8]."""
    batch, channels, height, width = x.shape
    cosines = _cosines(x.device, x.dtype)
    blocks = x.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)  # [B, C, h, w, 8, 8]
    coefficients = cosines @ (blocks - 128) @ cosines.T
    # halves away from zero, also those that float32 computes a little too small: plain areas have many
    numbers = coefficients.sign() * ((coefficients.abs() + TINY) / steps + 0.5).floor()
    blocks = cosines.T @ (numbers * steps) @ cosines + 128
    return blocks.transpose(3, 4).reshape(x.shape).round().clamp(0, 255)


def _halved(x: Tensor) -> Tensor:
    """Mean of 2x2 pixels, of whole numbers; halves are rounded down and up alternately along a row, as libjpeg does."""
    alternating = torch.arange(x.shape[3] // 2, device=x.device) % 2
    return (F.avg_pool2d(x, 2) + (1 + alternating) / 4).floor()


def _extended(x: Tensor) -> Tensor:
    """The sides made multiples of 16 by repeating the last row and column, as libjpeg does."""
    height, width = x.shape[2:]
    return F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate")


@lru_cache(maxsize=16)
def _cosines(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The orthonormal cosine transform [8, 8]: frequencies, pixels. Cache: a copy would wait for the device."""
    frequency, pixel = np.mgrid[:8, :8]
    matrix = np.cos((2 * pixel + 1) * frequency * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    with torch.inference_mode(False):
        return torch.from_numpy(matrix).to(device, dtype)
