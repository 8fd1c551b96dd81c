"""Filtering images by a kernel, with mirrored borders, at any size."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from kornia.filters import filter2d
from torch import Tensor


def filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """[B, C, H, W] correlated with one kernel [K, L] of odd sides (theirs too is a correlation), mirrored at the
    border without the edge; the sides may be smaller than the kernel."""
    rows, columns = (side // 2 for side in kernel.shape)
    padded = _mirrored(_mirrored(images, 2, rows), 3, columns)  # [B, C, H + K - 1, W + L - 1]
    with full_precision(images.device):
        return filter2d(padded, kernel[None], padding="valid")


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Autocast off: pictures have 8 bits, and bfloat16 holds 8. The meta device knows no autocast."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def on_device(values: np.ndarray | Sequence[np.ndarray], device: torch.device) -> Tensor:
    """float32 on the device, sent without waiting for it."""
    tensor = torch.from_numpy(np.array(values, np.float32))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _mirrored(images: Tensor, axis: int, pixels: int) -> Tensor:
    """`pixels` more on both sides of an axis, reflected as often as it takes."""
    last = images.shape[axis] - 1
    places = torch.arange(-pixels, last + 1 + pixels, device=images.device).remainder(max(2 * last, 1))
    return images.index_select(axis, torch.minimum(places, 2 * last - places) if last else places.zero_())
