"""Learning-rate schedules: a factor of the optimizer's rate as a pure function of the epoch or the iteration
(from 0)."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(gt=0)]
Factor = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A factor of the learning rate over time.

    unit: whether its numbers are epochs or iterations. warmup: the number of iterations, whatever the unit, in which
    the rate grows linearly from 0."""

    unit: Literal["epochs", "iterations"] = "epochs"
    warmup: Count = 0

    @abstractmethod
    def factor(self, position: int) -> float:
        """The factor at `position` (the epoch or iteration, from 0)."""

    def __call__(self, iteration: int, iterations_per_epoch: int) -> float:
        """The factor of iteration number `iteration` (from 0)."""
        warm = min(1.0, (iteration + 1) / self.warmup) if self.warmup else 1.0
        return warm * self.factor(iteration if self.unit == "iterations" else iteration // iterations_per_epoch)


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """Always 1."""

    def factor(self, position: int) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """1 for `hold`, then linearly down to 0 over `decay` (CycleGAN, section 4: 100 and 100 epochs).

    As in the authors' code, the last of the `decay` epochs has the factor 1 / (decay + 1), not 0.
    """

    hold: Count = 100
    decay: Count = 100

    def factor(self, position: int) -> float:
        return max(0.0, 1.0 - max(0, position + 1 - self.hold) / (self.decay + 1))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 to `floor` over `length`, then `floor` (Loshchilov, Hutter 2017, eq. 5)."""

    length: Some = 200
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor(self, position: int) -> float:
        done = min(1.0, position / self.length)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True, kw_only=True)
class Annealed(Schedule):
    """(1 + alpha p)^(-beta), p the part of `length` that is over: Ganin et al. 2016, arXiv:1505.07818, sec. 5.2.2."""

    length: Some = 200
    alpha: Annotated[float, Field(ge=0)] = 10.0
    beta: Annotated[float, Field(ge=0)] = 0.75

    def factor(self, position: int) -> float:
        return (1 + self.alpha * min(1.0, position / self.length)) ** -self.beta


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Multiplied by `gamma` after every `every`."""

    every: Some = 50
    gamma: Factor = 0.1

    def factor(self, position: int) -> float:
        return self.gamma ** (position // self.every)


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiplied by `gamma` at each of `milestones` (ESRGAN, section 4.1: halved at 50k, 100k, 200k, 300k
    iterations)."""

    milestones: tuple[Some, ...]
    gamma: Factor = 0.1

    def factor(self, position: int) -> float:
        return self.gamma ** sum(position >= milestone for milestone in self.milestones)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "step": Step,
    "multistep": MultiStep,
    "annealed": Annealed,
}
