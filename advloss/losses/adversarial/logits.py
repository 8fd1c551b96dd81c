"""Helpers of objectives, penalties and augmentations: logits as a list, and shifted tensors."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from advloss.core.errors import InputError

Logits = Tensor | Sequence[Tensor]
Critic = Callable[[Tensor], Logits]


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


def over_scales(function: Callable[..., Tensor], fakes: list[Tensor], reals: list[Tensor] | None) -> Tensor:
    """The mean over the scales of an objective's function of (fake logits, real logits)."""
    none: list[Tensor | None] = [None] * len(fakes)
    losses = [function(*pair) for pair in zip(fakes, none if reals is None else reals, strict=True)]
    return sum(losses[1:], losses[0]) / len(losses)


def shifted(x: Tensor, steps: Tensor, axis: int) -> Tensor:
    """`x` [B, ...] moved along an axis, each sample by its own whole number of steps [B]; zeros come in."""
    size = x.shape[axis]
    source = torch.arange(size, device=x.device) - steps[:, None]  # [B, size]
    shape = [x.shape[0], *[1] * (x.ndim - 1)]
    shape[axis] = size
    inside = ((source >= 0) & (source < size)).reshape(shape)
    return x.gather(axis, source.clamp(0, size - 1).reshape(shape).expand(x.shape)) * inside
