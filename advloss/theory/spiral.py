"""The smallest game, xy: the order of the steps decides whether the players diverge.

It is played with `AdversarialLoss`: the generator makes one number x, the only real number is 0, and the discriminator
D(v) = y v has the Wasserstein objective. So the discriminator's loss is xy and the generator's -xy: the Dirac-GAN with
f(t) = t of Mescheder et al. 2018, arXiv:1801.04406, definition 2.1, whose only equilibrium is x = y = 0.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.theory.distances import Array

Order = Literal["simultaneous", "alternating"]


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


def spiral(order: Order, lr: float = 0.1, steps: int = 200, penalties: Sequence[nn.Module] = ()) -> Path:
    """Gradient descent of both players from (1, 0), in float64.

    order: `alternating`, the discriminator first, or `simultaneous`, where each uses the other's number of before.
    """
    x = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
    line = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(line.weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # nothing holds this critic, which is what is shown
        adversary = AdversarialLoss(line, objective="wasserstein", penalties=penalties)
    generator, discriminator = torch.optim.SGD([x], lr), torch.optim.SGD(line.parameters(), lr)
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
