"""The generator's moving average: what the model file holds, where the recipe asks for one."""

import copy

import torch
from torch import Tensor, nn


class Average:
    """average = decay * average + (1 - decay) * model after every iteration, for parameters; buffers are copied.

    (Polyak averaging as GANs use it: Yazici et al. 2019, arXiv:1806.04498.)
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.averaged: list[Tensor] = list(self.module.parameters())
        self.present: list[Tensor] = list(model.parameters())
        self.copies, self.originals = list(self.module.buffers()), list(model.buffers())

    @torch.no_grad()
    def update(self) -> None:
        """Takes the model's present weights in."""
        torch._foreach_lerp_(self.averaged, self.present, 1.0 - self.decay)
        if self.copies:
            torch._foreach_copy_(self.copies, self.originals)
