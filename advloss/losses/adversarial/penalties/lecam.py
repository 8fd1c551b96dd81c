"""The LeCam penalty, which draws the logits to moving averages of past logits."""

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from advloss.core import distributed
from advloss.core.limits import Limits, check_limits
from advloss.losses.adversarial.penalties.base import LogitPenalty, Weight


class LeCam(LogitPenalty):
    """weight * [E (real - a_fake)^2 + E (fake - a_real)^2] of the logits, with a_fake and a_real moving averages of
    E fake and E real. For few images (under some ten thousand).

    Tseng et al. 2021, arXiv:2104.03310 (decay 0.99). Each logit is drawn to the average of the other kind. The
    authors' code has E relu(real - a_fake)^2 + E relu(a_real - fake)^2; the paper's formula, this one, has no relu.
    Scales have averages of their own, and their penalties' mean is taken.
    decay: of the averages, a call, in [0, 1). A call in training mode updates them first, and their start is
        corrected for (divided by 1 - decay^calls), so that the first call's averages are its own means.

    The averages are buffers, made at the first call, and taken over all processes; a state dict contains them. In eval
    mode they don't change, and processes don't communicate.
    """

    late: ClassVar[tuple[str, ...]] = ("sums", "seen")
    sums: Tensor | None  # of (fake, real), decayed [2, scales]
    seen: Tensor | None  # the sum of the decayed weights, towards 1: []

    def __init__(self, weight: Weight = 0.01, decay: Annotated[float, Limits(ge=0, lt=1)] = 0.99) -> None:
        super().__init__(weight)
        check_limits(self, decay=decay)
        self.decay = decay

    def value(self, fake: list[Tensor], real: list[Tensor]) -> Tensor:
        fakes, reals = self._averages(fake, real).unbind()
        losses = [
            (r - of_fake).square().mean() + (f - of_real).square().mean()
            for f, r, of_fake, of_real in zip(fake, real, fakes.unbind(), reals.unbind(), strict=True)
        ]
        return torch.stack(losses).mean()

    @torch.no_grad()
    def _averages(self, fake: list[Tensor], real: list[Tensor]) -> Tensor:
        """The moving averages after this call: [2, scales]."""
        means = torch.stack([torch.stack([scale.mean() for scale in scales]) for scales in (fake, real)])
        if self.training:
            means = distributed.average(means)
        self.move_to(means)
        if self.sums is None or self.seen is None:
            self.sums, self.seen = torch.zeros_like(means), means.new_zeros(())
        if self.training:
            self.sums.lerp_(means, 1 - self.decay)
            self.seen.lerp_(torch.ones_like(self.seen), 1 - self.decay)
        return torch.where(self.seen > 0, self.sums / self.seen, means)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, decay={self.decay}"
