"""The Inception score: whether a set's images show something each, and not all the same. It sees no real image."""

import math

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.sets.estimate import Estimate, one_set


def inception_score(x: Tensor, splits: int = 10) -> Estimate:
    """The mean over `splits` consecutive parts of the set of exp(E KL(p(class | image) || the mean p of the part)).

    Salimans et al. 2016, arXiv:1606.03498, section 4. x: logits [N, K]; from 1 to K, and at most N / splits.
    Raises InputError for fewer vectors than parts.
    """
    if splits < 1:
        raise InputError(f"inception_score: splits={splits} must be at least 1")
    x = one_set("inception_score", x, max(2, splits))
    scores, parts = [], []
    for part in (x[i * len(x) // splits : (i + 1) * len(x) // splits] for i in range(splits)):
        log_p = part.log_softmax(1)  # [N / splits, K]
        p = log_p.exp()
        log_mean = torch.logsumexp(log_p, 0, keepdim=True) - math.log(len(part))
        divergence = (p * (log_p - log_mean).where(p > 0, 0)).sum(1)  # [N / splits]
        score = divergence.mean().exp()
        scores.append(score)
        parts.append(score * divergence)
    return Estimate(torch.stack(scores).mean().item(), (torch.cat(parts),))
