"""Instance noise: noise on the discriminator's input, so that the distributions of fake and real images overlap."""

from typing import Annotated

import torch
from torch import Tensor

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.limits import at_least, check_limits
from advloss.losses.adversarial.augmentations.base import Augmentation, Change, unchanged


class InstanceNoise(Augmentation):
    """x + std n, n ~ N(0, I): for images, vectors and volumes. The condition gets no noise.

    Sønderby et al. 2017, arXiv:1610.04490, section 3.2 (with a linear decay to 0: `Schedule(0.1, 0, over=10000)`);
    Arjovsky and Bottou 2017, arXiv:1701.04862, section 3.

    std: of the noise, in the images' units ([-1, 1]), or a schedule.
    """

    def __init__(self, std: Annotated[float | Schedule, WithinLimits(at_least(0))] = 0.1) -> None:
        super().__init__()
        check_limits(self, std=std)
        self.std = std

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        std = self.now(self.std)
        return lambda x: x + std * torch.randn_like(x), unchanged

    def extra_repr(self) -> str:
        return f"std={self.std}"
