"""Filtering images by a kernel, with mirrored borders, at any size."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from advloss.core.precision import full_precision
from advloss.core.reflection import reflected


def filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """Correlates [B, C, H, W] with one kernel [K, L] of odd sides, as Real-ESRGAN's code does.

    At the border the image is mirrored, without its edge pixel. It may be smaller than the kernel.
    """
    from kornia.filters import filter2d  # late: it takes seconds, and few recipes degrade

    rows, columns = (side // 2 for side in kernel.shape)
    padded = reflected(reflected(images, 2, rows, rows), 3, columns, columns)  # [B, C, H + K - 1, W + L - 1]
    with full_precision(images):
        return filter2d(padded, kernel[None], padding="valid")


def on_device(values: np.ndarray | Sequence[np.ndarray], device: torch.device) -> Tensor:
    """The values as float32 on the device. The copy does not wait for the device."""
    tensor = torch.from_numpy(np.array(values, np.float32))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
