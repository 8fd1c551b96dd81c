"""Weight clipping, which bounds a critic's slope."""

import torch
from torch import nn

from advloss.core.limits import above


@torch.no_grad()
def clip_weights(module: nn.Module, limit: float = 0.01) -> None:
    """w <- min(max(w, -limit), limit) for every parameter that is not frozen, in place.

    Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1, line 7 (limit 0.01). To be called after each step of the
    discriminator's optimizer, with the wasserstein objective; `AdversarialLoss(clip_weights=0.01).clip()` does it too.
    """
    above(0).check("clip_weights: limit", limit)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.clamp_(-limit, limit)
