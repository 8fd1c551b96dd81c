"""The generator's gradient where the discriminator is sure that an image is fake."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.theory.distances import Array


@dataclass(frozen=True)
class Saturation:
    """|d loss / d logit| of a fake, for each of its logits."""

    logit: Array  # [N]
    minimax: Array  # [N]; in theory sigmoid(logit)
    non_saturating: Array  # [N]; in theory sigmoid(-logit)

    @property
    def ratio(self) -> Array:
        """Non-saturating over minimax: [N]; in theory exp(-logit)."""
        return self.non_saturating / self.minimax


def saturation(lowest: float = -20.0, highest: float = 5.0, count: int = 101) -> Saturation:
    """Both gradients by autograd, through `AdversarialLoss` with the identity as its discriminator."""
    logit = np.linspace(lowest, highest, count)
    found = [_gradient(objective, logit) for objective in ("minimax", "non_saturating")]
    return Saturation(logit, *found)


def _gradient(objective: str, logit: Array) -> Array:
    fake = torch.from_numpy(logit).unsqueeze(1).requires_grad_()  # [N, 1]
    AdversarialLoss(nn.Identity(), objective=objective)(fake).backward()
    assert fake.grad is not None
    return np.abs(fake.grad.squeeze(1).numpy()) * len(logit)  # the loss is a mean
