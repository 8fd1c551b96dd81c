"""Regularisers of the discriminator: modules of (critic, fake, real) (floor 0).

`critic` maps a batch to logits, of any shape or a list of them (one a scale); `fake` and `real` [B, ...] are what it
judges, condition included. A penalty is a scalar in float32 at least, to be added to the discriminator's loss.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from advloss.errors import InputError
from advloss.losses.tensors import Critic, at_least_float32, full_precision, scales


class Penalty(nn.Module):
    """weight * value(critic, fake, real), or its lazy form; a penalty says only what its `value` is.

    weight: the factor in the paper's formula. Float, at least 0.
    interval: in calls. Of each `interval` calls the first computes the penalty, times `interval`, and the others return
        0 (Karras et al. 2020, arXiv:1912.04958, section 3.1): the same on average, for a fraction of the time. Under
        gradient accumulation each part of the batch is a call.

    `value` runs outside autocast, on images in float32 at least, and with torch.compile off, since a penalty
    differentiates twice and compiled modules can't; also under `no_grad`. The number of calls so far is an int, so that
    nothing waits for the device, and a tensor in the state dict, so that a resumed run continues the same rhythm.
    """

    per_sample: ClassVar[bool] = True
    """Looks at the critic's gradient at single samples, which a critic with batch norm mixes."""

    def __init__(self, weight: Annotated[float, Field(ge=0)], interval: Annotated[int, Field(ge=1)] = 1) -> None:
        super().__init__()
        if interval < 1:
            raise InputError(f"{type(self).__name__}: interval={interval}; it is a number of calls, at least 1")
        self.weight = weight
        self.interval = interval
        self.calls = 0

    @abstractmethod
    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        """The penalty without its weight: a scalar that the critic's parameters can be trained on."""

    def forward(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        """critic: [B, ...] -> logits; fake, real: [B, ...] of one shape. Returns a scalar."""
        return torch.compiler.disable(self._eager)(critic, fake, real)

    def _eager(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        due = self.calls % self.interval == 0
        self.calls += 1
        fake, real = at_least_float32(fake.detach()), at_least_float32(real.detach())
        if not due:
            return fake.new_zeros(())
        # Compiled modules run as they were written inside this stance, whichever way they were compiled.
        with torch.compiler.set_stance("force_eager"), torch.enable_grad(), full_precision(fake):
            return self.weight * self.interval * self.value(critic, fake, real)

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.calls)

    def set_extra_state(self, state: Tensor) -> None:
        self.calls = int(state)

    def extra_repr(self) -> str:
        return f"weight={self.weight}, interval={self.interval}"


def gradient_norms(critic: Critic, x: Tensor) -> Tensor:
    """The norm of each sample's gradient of its summed logits, over all axes but the batch's: [B, ...] -> [B].

    Differentiable once more. In a patch-valued or list-valued critic a sample's logits are summed over all of them.
    """
    x = x.detach().requires_grad_()
    total = torch.stack([scale.sum() for scale in scales(critic(x))]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)  # [B]


class GradientPenalty(Penalty):
    """weight * E (|grad D(x)|_2 - 1)^2 at x = eps real + (1 - eps) fake, eps ~ U[0, 1], one for each sample.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 (two-sided, weight 10). The norm is over all axes but the batch's.
    Use it with the wasserstein objective and a discriminator without batch norm.
    """

    def __init__(self, weight: Annotated[float, Field(ge=0)] = 10.0, interval: Annotated[int, Field(ge=1)] = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        eps = torch.rand(real.shape[:1], dtype=real.dtype, device=real.device)  # [B]
        between = torch.lerp(fake, real, eps.reshape(-1, *[1] * (real.ndim - 1)))  # [B, ...]
        return (gradient_norms(critic, between) - 1).square().mean()


PENALTIES: dict[str, type[Penalty]] = {"wgan_gp": GradientPenalty}
