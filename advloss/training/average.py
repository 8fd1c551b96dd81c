"""The generator's moving average: what the model file holds, where the recipe asks for one."""

import copy
from typing import Self

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.recipe.optimizers import value_at
from advloss.recipe.schema import Train


class Average:
    """average = decay * average + (1 - decay) * model after every iteration, for parameters; buffers are copied.

    (Polyak averaging as GANs use it: Yazici et al. 2019, arXiv:1806.04498.)

    decay: above 0 and below 1, or a schedule of such values. half_life: instead of it, in iterations, the time in which
    a weight's part of the average halves, or a schedule; decay = 0.5**(1 / half_life), and 0 for a half-life of 0.
    """

    def __init__(
        self, model: nn.Module, decay: float | Schedule = 0.0, half_life: float | Schedule | None = None
    ) -> None:
        self.model = model
        self.decay, self.half_life = decay, half_life
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.averaged: list[Tensor] = list(self.module.parameters())
        self.present: list[Tensor] = list(model.parameters())
        self.copies, self.originals = list(self.module.buffers()), list(model.buffers())

    @classmethod
    def of(cls, model: nn.Module, train: Train) -> Self | None:
        """The average that a recipe asks for, or None."""
        if train.average is None and train.average_half_life is None:
            return None
        return cls(model, train.average or 0.0, train.average_half_life)

    def decay_at(self, iteration: int) -> float:
        """The decay in an iteration (from 0)."""
        if self.half_life is None:
            return float(value_at(self.decay, iteration))
        half_life = value_at(self.half_life, iteration)
        return 0.5 ** (1 / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, iteration: int = 0) -> None:
        """Updates the average with the model's weights after an iteration (from 0)."""
        torch._foreach_lerp_(self.averaged, self.present, 1.0 - self.decay_at(iteration))
        if self.copies:
            torch._foreach_copy_(self.copies, self.originals)
