"""Penalties on the gradient of the critic's logits in its input.

A sample's gradient is that of its summed logits (patches and scales alike), and its norm is the Euclidean one over all
axes but the batch's: so one sample's penalty does not change with the others. Images [B, C, H, W], vectors [B, F] and
volumes [B, C, D, H, W] alike. Use a discriminator without batch norm.
"""

from typing import Annotated

import torch
from torch import Tensor

from advloss.core.limits import at_least, check_limits
from advloss.losses.adversarial.logits import Critic, scales
from advloss.losses.adversarial.penalties.base import Interval, Penalty, Weight, check_precision


def gradients(critic: Critic, x: Tensor) -> Tensor:
    """Each sample's gradient of its summed logits: [B, ...] -> [B, N], N the number of its values.

    Differentiable once more. In a patch-valued or list-valued critic a sample's logits are summed over all of them.
    """
    check_precision(critic, x)
    x = x.detach().requires_grad_()
    total = torch.stack([scale.sum() for scale in scales(critic(x))]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    return gradient.flatten(1)


def gradient_norms(critic: Critic, x: Tensor) -> Tensor:
    """The norm of each sample's gradient of its summed logits, over all axes but the batch's: [B, ...] -> [B]."""
    return torch.linalg.vector_norm(gradients(critic, x), dim=1)


def between(fake: Tensor, real: Tensor) -> Tensor:
    """eps real + (1 - eps) fake, eps ~ U[0, 1], one for each sample: [B, ...], [B, ...] -> [B, ...]."""
    eps = torch.rand(real.shape[:1], dtype=real.dtype, device=real.device)  # [B]
    return torch.lerp(fake, real, eps.reshape(-1, *[1] * (real.ndim - 1)))


class GradientPenalty(Penalty):
    """weight * E (|grad D(x)|_2 - 1)^2 at x = eps real + (1 - eps) fake, eps ~ U[0, 1], one for each sample.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 (two-sided, weight 10). Use it with the wasserstein objective.
    A condition is a part of x: with a pool or augmentations, fake and real at one place of the batch have different
    ones, and x lies between two pairs (condition, image).
    """

    def __init__(self, weight: Weight = 10.0, interval: Interval = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        return (gradient_norms(critic, between(fake, real)) - 1).square().mean()


class LipschitzPenalty(Penalty):
    """weight * E max(0, |grad D(x)|_2 - 1)^2 at the points of `GradientPenalty`: one-sided, a slope below 1 is free.

    Petzka, Fischer and Lukovnikov 2018 (WGAN-LP), arXiv:1709.08894. Use it with the wasserstein objective.
    """

    def __init__(self, weight: Weight = 10.0, interval: Interval = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        return (gradient_norms(critic, between(fake, real)) - 1).relu().square().mean()


class R1(Penalty):
    """weight / 2 * E |grad D(x)|_2^2 at the real images.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 9: `weight` is the paper's gamma, the half is in the
    value. With an interval it is StyleGAN2's (gamma 10 at 1024 pixels, interval 16); r1 and r2 together are R3GAN's.
    """

    def __init__(self, weight: Weight = 10.0, interval: Interval = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        return gradients(critic, real).square().sum(1).mean() / 2


class R2(Penalty):
    """weight / 2 * E |grad D(x)|_2^2 at the fakes: R1's counterpart.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 10: `weight` is the paper's gamma, the half in the value.
    """

    def __init__(self, weight: Weight = 10.0, interval: Interval = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        return gradients(critic, fake).square().sum(1).mean() / 2


class DRAGAN(Penalty):
    """weight * E (|grad D(x)|_2 - 1)^2 at x = real + std * n, n ~ N(0, I): around the real images only.

    Kodali et al. 2017, arXiv:1705.07215, section 2.3 (k = 1), for any objective.
    std: of the noise, in the images' units; the paper's sqrt(c), which belongs to the data's scale. The authors' code
        scales it by the batch's standard deviation instead, which makes a sample's penalty depend on the others.
    """

    def __init__(
        self, weight: Weight = 10.0, interval: Interval = 1, std: Annotated[float, at_least(0)] = 0.25
    ) -> None:
        super().__init__(weight, interval)
        check_limits(self, std=std)
        self.std = std

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        return (gradient_norms(critic, real + self.std * torch.randn_like(real)) - 1).square().mean()
