"""Historical averaging: the discriminator's parameters are held near the mean of their past."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.logits import Critic
from advloss.losses.adversarial.penalties.base import Interval, Penalty, Weight


class HistoricalAveraging(Penalty):
    """weight * |theta - 1/t sum_{i<=t} theta[i]|^2, theta[1..t] the parameters at the calls before; 0 at the first.

    Salimans et al. 2016, arXiv:1606.03498, section 3.3 (which gives no weight, and gives each player this cost: here it
    is the discriminator's alone). theta are the critic's parameters that are not frozen, so the critic must be the
    module itself. Lazily, the calls before are those that computed it.

    The mean is one flat buffer in float32 at least, as large as the parameters, made at the first call.
    """

    per_sample = False
    late: ClassVar[tuple[str, ...]] = ("mean", "steps")
    mean: Tensor | None  # of the parameters so far, flat
    steps: Tensor | None  # how many it is of: []

    def __init__(self, weight: Weight = 1.0, interval: Interval = 1) -> None:
        super().__init__(weight, interval)

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        if not isinstance(critic, nn.Module):
            raise InputError(f"HistoricalAveraging: the critic is a {type(critic).__name__}, not an nn.Module")
        parameters = [p.flatten() for p in critic.parameters() if p.requires_grad]
        if not parameters:
            return fake.new_zeros(())
        theta = at_least_float32(torch.cat(parameters))
        now = theta.detach()
        self.move_to(now)
        if self.mean is None or self.steps is None:
            self.mean, self.steps = now.clone(), now.new_zeros(())
        if self.mean.shape != now.shape:
            raise InputError(
                f"HistoricalAveraging: the mean is of {self.mean.numel()} parameters, the critic has {now.numel()}"
            )
        loss = (theta - self.mean).square().sum()
        if self.training:
            self.steps += 1
            self.mean += (now - self.mean) / self.steps
        return loss
