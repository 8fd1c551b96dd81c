"""The generator's moving average: what the model file holds, where the recipe asks for one."""

import copy

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule


class Average:
    """average = decay * average + (1 - decay) * model after every iteration, for parameters; buffers are copied.

    (Polyak averaging as GANs use it: Yazici et al. 2019, arXiv:1806.04498.)

    decay: above 0 and below 1, or a schedule of such values.
    """

    def __init__(self, model: nn.Module, decay: float | Schedule) -> None:
        self.model = model
        self.decay = decay
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.averaged: list[Tensor] = list(self.module.parameters())
        self.present: list[Tensor] = list(model.parameters())
        self.copies, self.originals = list(self.module.buffers()), list(model.buffers())

    def decay_at(self, iteration: int) -> float:
        """The decay in an iteration (from 0)."""
        return self.decay.at(iteration) if isinstance(self.decay, Schedule) else self.decay

    @torch.no_grad()
    def update(self, iteration: int = 0) -> None:
        """Updates the average with the model's weights after an iteration (from 0)."""
        torch._foreach_lerp_(self.averaged, self.present, 1.0 - self.decay_at(iteration))
        if self.copies:
            torch._foreach_copy_(self.copies, self.originals)
