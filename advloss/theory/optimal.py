"""The best discriminator of two known densities, and the value of the game with it."""

from dataclasses import dataclass

import numpy as np
import torch

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.theory.densities import GRID, Mixture
from advloss.theory.distances import Array, js
from advloss.theory.seeds import seeded

REAL = Mixture(means=(-1.5, 1.0), stds=(0.6, 0.5), weights=(0.5, 0.5))
FAKE = Mixture(means=(0.5,), stds=(1.0,))
MASS = 0.02
"""Points where p + q is above this count as having mass; the largest p + q is about 0.8."""


@dataclass(frozen=True)
class OptimalDiscriminator:
    """A trained discriminator compared with the best one, at the points where p + q > MASS."""

    x: Array  # [N]
    real: Array  # p(x) [N]
    fake: Array  # q(x) [N]
    theory: Array  # p / (p + q) [N]
    found: Array  # sigmoid(D(x)) [N]
    js: float  # JS(p, q), by integration
    value: float  # E log D(real) + E log(1 - D(fake)), of the trained discriminator: minus its loss

    @property
    def error(self) -> float:
        """max |D - p / (p + q)|."""
        return float(np.abs(self.found - self.theory).max())

    @property
    def value_in_theory(self) -> float:
        """2 JS(p, q) - 2 log 2."""
        return 2 * self.js - 2 * float(np.log(2))


def optimal_discriminator(
    real: Mixture = REAL, fake: Mixture = FAKE, steps: int = 2000, seed: int = 0
) -> OptimalDiscriminator:
    """Trains a discriminator on two fixed densities with the minimax objective (Goodfellow et al. 2014, prop. 1)."""
    p, q = real.density(), fake.density()
    with seeded(seed):
        adversary = AdversarialLoss(MLPDiscriminator(1, width=64, layers=3), objective="minimax")
        optimizer = torch.optim.Adam(adversary.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        sample_real, sample_fake = real.sampler(), fake.sampler()
        for _ in range(steps):
            optimizer.zero_grad()
            adversary.discriminator_loss(sample_fake(512), sample_real(512)).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            value = -float(adversary.discriminator_loss(sample_fake(100_000), sample_real(100_000)))
            logits = adversary.discriminator(torch.from_numpy(GRID).float().unsqueeze(1)).squeeze(1)
    there = p + q > MASS
    return OptimalDiscriminator(
        x=GRID[there],
        real=p[there],
        fake=q[there],
        theory=p[there] / (p + q)[there],
        found=logits.double().sigmoid().numpy()[there],
        js=js(real.masses(), fake.masses()),
        value=value,
    )
