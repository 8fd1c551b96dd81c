"""The smallest game, xy: the order of the steps decides whether the players diverge.

It is played with `AdversarialLoss`: the generator makes one number x, the only real number is 0, and the discriminator
D(v) = y v has the Wasserstein objective. So the discriminator's loss is xy and the generator's -xy: the Dirac-GAN with
f(t) = t of Mescheder et al. 2018, arXiv:1801.04406, definition 2.1, whose only equilibrium is x = y = 0.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.theory.distances import Array

Order = Literal["simultaneous", "alternating"]
Averaging = Literal["adam", "rmsprop"]
Optimizer = Literal["sgd"] | Averaging
OPTIMIZERS: dict[Optimizer, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}


@dataclass(frozen=True)
class Path:
    """The players' numbers after each step."""

    x: Array  # the generator's [steps + 1]
    y: Array  # the discriminator's [steps + 1]
    lr: float

    @property
    def radius(self) -> Array:
        """The distance from the equilibrium: [steps + 1]."""
        return np.hypot(self.x, self.y)

    @property
    def growth(self) -> Array:
        """The factor by which the radius grew in each step: [steps]."""
        return self.radius[1:] / self.radius[:-1]

    @property
    def energy(self) -> Array:
        """x^2 + y^2 - lr x y: [steps + 1]. Alternating steps, with the discriminator first, do not change it."""
        return self.x**2 + self.y**2 - self.lr * self.x * self.y

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest radius while `energy` is constant: the half axes of an ellipse."""
        energy = float(self.energy[0])
        return (energy / (1 + self.lr / 2)) ** 0.5, (energy / (1 - self.lr / 2)) ** 0.5


def spiral(
    order: Order,
    lr: float = 0.1,
    steps: int = 200,
    penalties: Sequence[nn.Module] = (),
    *,
    start: tuple[float, float] = (1.0, 0.0),
    optimizer: Optimizer = "sgd",
) -> Path:
    """Both players' steps from (x, y) = `start`, in float64, with torch's settings of the optimizer but its rate.

    order: `alternating`, the discriminator first, or `simultaneous`, where each uses the other's number of before.
    """
    x = nn.Parameter(torch.full((1, 1), start[0], dtype=torch.float64))
    line = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(line.weight, start[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # nothing holds this critic, which is what is shown
        adversary = AdversarialLoss(line, objective="wasserstein", penalties=penalties)
    make = OPTIMIZERS[optimizer]
    generator, discriminator = make([x], lr=lr), make(line.parameters(), lr=lr)
    path = [(x.item(), line.weight.item())]
    for _ in range(steps):
        generator.zero_grad()
        discriminator.zero_grad()
        adversary.discriminator_loss(x, torch.zeros_like(x)).backward()
        if order == "alternating":
            discriminator.step()
        adversary(x).backward()
        if order == "simultaneous":
            discriminator.step()
        generator.step()
        path.append((x.item(), line.weight.item()))
    xs, ys = (np.array(values) for values in zip(*path, strict=True))
    return Path(xs, ys, lr)


RATES = (0.003, 0.01, 0.03, 0.1)
SHOWN_RATE = 0.01
START = (1.0, 2.0)
DISTANCE = 50.0
"""What the rates of all steps sum to: 5000 steps at 0.01."""
LAGS: dict[Averaging, tuple[float, float]] = {"adam": (0.9 / 0.1, 0.999 / 0.001), "rmsprop": (0.0, 0.99 / 0.01)}
"""How many steps the average of gradients, and that of their squares, lag behind: b / (1 - b) for a decay of b."""


def optimizer_spirals(rates: Sequence[float] = RATES, distance: float = DISTANCE) -> dict[Optimizer, dict[float, Path]]:
    """The game xy from x = 1, y = 2 in simultaneous steps: by optimizer, by rate."""
    return {
        name: {lr: spiral("simultaneous", lr, round(distance / lr), start=START, optimizer=name) for lr in rates}
        for name in OPTIMIZERS
    }


def circle(optimizer: Averaging, lr: float) -> float:
    """The radius of the circle that simultaneous steps of the optimizer end on, in theory, for small rates.

    On a circle of radius r the mean square of each gradient is r^2 / 2, so a step turns by w = sqrt(2) lr / r. It moves
    outwards by lr^2 / r, times 1 + 2 m where the gradient lags m steps behind. The average of squares lags by t steps:
    a step is too long while the player's gradient grows and too short while it falls, which moves inwards by
    lr / sqrt(8) times 2 w t / (1 + 4 w^2 t^2), to first order in the changing part of the average. The two are equal at
    r = lr t sqrt(8 / (t / (1 + 2 m) - 1)). Our own calculation.
    """
    gradient, square = LAGS[optimizer]
    return lr * square * math.sqrt(8 / (square / (1 + 2 * gradient) - 1))
