"""How far a step moves the weights, and how far they are from their average. Nothing here waits for the device."""

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def copied(weights: Sequence[Tensor]) -> list[Tensor]:
    """Clones, to be compared with later."""
    return [weight.detach().clone() for weight in weights]


@torch.no_grad()
def moved(now: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
    """|now - before| / |before|, with norms over all weights together: []."""
    return norm(torch._foreach_sub(list(now), list(before))) / norm(before).clamp(min=1e-12)


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all tensors together: []."""
    return torch.stack(torch._foreach_norm([tensor.detach().float() for tensor in tensors])).norm()
