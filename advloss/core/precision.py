"""Floating-point types: float32 at least, and autocast off."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32 if it has less; float64 stays float64."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def full_precision(x: Tensor) -> AbstractContextManager[None]:
    """Autocast off on the device of `x`. The meta device, where nothing is computed, knows no autocast."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def frozen_precision(x: Tensor) -> AbstractContextManager[None]:
    """For a frozen network on the device of `x` whose maps are compared: the caller's autocast, if to bfloat16.

    Otherwise it is off: in float16 large maps overflow.
    """
    device = x.device.type
    if x.is_meta or (torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) is torch.bfloat16):
        return nullcontext()
    return full_precision(x)
