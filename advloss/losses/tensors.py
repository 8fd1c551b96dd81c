"""What objectives, penalties and losses do to a tensor before they compute with it (floor 0)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from advloss.errors import InputError

Logits = Tensor | Sequence[Tensor]
Critic = Callable[[Tensor], Logits]


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


def scales(logits: Logits) -> list[Tensor]:
    """A discriminator's logits as a list, one tensor a scale."""
    if isinstance(logits, Tensor):
        return [logits]
    if isinstance(logits, Sequence) and logits and all(isinstance(scale, Tensor) for scale in logits):
        return list(logits)
    kinds = f" of {', '.join(type(scale).__name__ for scale in logits)}" if isinstance(logits, Sequence) else ""
    raise InputError(
        "a discriminator returns a tensor of logits or a sequence of such tensors, one a scale; "
        f"this one returned {type(logits).__name__}{kinds}"
    )


def shifted(x: Tensor, steps: Tensor, axis: int) -> Tensor:
    """`x` [B, ...] moved along an axis, each sample by its own whole number of steps [B]; zeros come in."""
    size = x.shape[axis]
    source = torch.arange(size, device=x.device) - steps[:, None]  # [B, size]
    shape = [x.shape[0], *[1] * (x.ndim - 1)]
    shape[axis] = size
    inside = ((source >= 0) & (source < size)).reshape(shape)
    return x.gather(axis, source.clamp(0, size - 1).reshape(shape).expand(x.shape)) * inside
