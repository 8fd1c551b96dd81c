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


@torch.no_grad()
def typically_moved(now: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
    """The median over the weights of at least two axes of each one's |now - before| / |before|: [].

    So a codebook that is made anew by k-means, or a bias that began at 0, does not count for the whole.
    """
    both = list(zip(now, before, strict=True))
    pairs = [(new, old) for new, old in both if old.ndim > 1] or both
    news, olds = ([pair[side].detach().float() for pair in pairs] for side in (0, 1))
    sizes = torch.stack(torch._foreach_norm(olds)).clamp(min=1e-12)
    return (torch.stack(torch._foreach_norm(torch._foreach_sub(news, olds))) / sizes).median()


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all tensors together: []."""
    return torch.stack(torch._foreach_norm([tensor.detach().float() for tensor in tensors])).norm()
