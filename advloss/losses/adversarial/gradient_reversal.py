"""Gradient reversal: a game with a discriminator as one loss that one player minimises."""

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule, TimedModule, WithinLimits
from advloss.core.limits import at_least, check_limits
from advloss.core.parts import Part
from advloss.losses.adversarial.arguments import check_discriminator, check_images
from advloss.losses.adversarial.logits import scales
from advloss.losses.adversarial.objectives.functions import minimax_discriminator


class _Reversed(torch.autograd.Function):
    """x, whose gradient is multiplied by -scale."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradient, None


def reversed_gradient(x: Tensor, scale: float = 1.0) -> Tensor:
    """x itself, of any shape; its gradient is multiplied by -scale. Ganin et al. 2016, arXiv:1505.07818, eq. 16, 17."""
    made: Tensor = _Reversed.apply(x, scale)
    return made


class GradientReversal(TimedModule):
    """The cross-entropy of a discriminator of two domains, behind a gradient reversal layer.

    Ganin et al. 2016, arXiv:1505.07818, sec. 4.2. One player minimises it, and owns the discriminator: this learns to
    tell the domains, and what made fake and real gets its gradient reversed. A symmetric `AdversarialLoss` with the
    objective minimax, in which two players take their steps at the same time, has the same gradients.

    fake, real: float [B, F] or [B, C, ...] of the two domains -> a scalar, in float32 at least.

    discriminator: any module to logits, without a sigmoid. scale: the paper's lambda, at least 0, which multiplies the
    reversed gradient and not the discriminator's own; a number or a schedule.
    """

    own_precision = True

    def __init__(
        self,
        discriminator: Annotated[nn.Module, Part("discriminator")],
        scale: Annotated[float | Schedule, WithinLimits(at_least(0))] = 1.0,
    ) -> None:
        super().__init__()
        check_limits(self, scale=scale)
        check_discriminator(discriminator)
        self.discriminator = discriminator
        self.scale = scale

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        check_images(fake, real, None)
        scale = self.now(self.scale)
        fakes, reals = (scales(self.discriminator(reversed_gradient(x, scale))) for x in (fake, real))
        return torch.stack([minimax_discriminator(*pair) for pair in zip(fakes, reals, strict=True)]).mean()
