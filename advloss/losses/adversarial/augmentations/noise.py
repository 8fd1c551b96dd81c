"""Instance noise: what the discriminator sees is blurred until fake and real overlap."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations.base import Augmentation, Change, unchanged


class InstanceNoise(Augmentation):
    """x + s n, n ~ N(0, I), s = std * max(0, 1 - turns / decay): for images, vectors and volumes; not the condition.

    Sønderby et al. 2017, arXiv:1610.04490, section 3.2 (linear decay to 0); Arjovsky and Bottou 2017,
    arXiv:1701.04862, section 3.

    std: of the noise at first, in the images' units ([-1, 1]). decay: in discriminator's turns, until the noise is
    gone; None for noise that stays. The turns so far are a buffer.
    """

    turns: Tensor  # int64, []

    def __init__(
        self, std: Annotated[float, Field(ge=0)] = 0.1, decay: Annotated[int, Field(ge=1)] | None = None
    ) -> None:
        super().__init__()
        if not std >= 0:
            raise InputError(f"InstanceNoise: std={std}; it is a standard deviation, at least 0")
        if decay is not None and decay < 1:
            raise InputError(f"InstanceNoise: decay={decay}; it is a number of turns, at least 1")
        self.std = std
        self.decay = decay
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        left = 1 if self.decay is None else (1 - self.turns / self.decay).clamp(min=0).to(image)
        return lambda x: x + self.std * left * torch.randn_like(x), unchanged

    def adapt(self, real_logits: list[Tensor]) -> None:
        self.turns += 1

    def extra_repr(self) -> str:
        return f"std={self.std}, decay={self.decay}"
