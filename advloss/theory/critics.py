"""Wasserstein critics compared with the true distance of two shifted Gaussians: with a penalty and with clipped
weights."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import PENALTIES, clip_weights
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.theory.densities import GRID, STEP, Mixture
from advloss.theory.distances import Array, w1_on_a_line
from advloss.theory.seeds import seeded

REAL = Mixture(means=(0.25,), stds=(0.5,))
FAKE = Mixture(means=(-0.25,), stds=(0.5,))
MASS = 0.02
"""Points where p + q is above this count as having mass; the largest p + q is about 1.4."""


@dataclass(frozen=True)
class Critic:
    """A critic that was trained on the two densities."""

    name: str
    estimate: float  # E D(real) - E D(fake), as it is: minus the loss without its penalty
    slope: float  # the largest |D'| where there is mass: its Lipschitz constant there
    x: Array  # where there is mass [N]
    values: Array  # D(x) minus its mean [N]

    @property
    def normalised(self) -> float:
        """The estimate of D / slope, which is 1-Lipschitz, so it is at most W1 (Arjovsky et al. eq. 2)."""
        return self.estimate / self.slope


def w1(real: Mixture = REAL, fake: Mixture = FAKE) -> float:
    """W1 of the two densities: the integral of |P - Q|."""
    return w1_on_a_line(real.masses(), fake.masses(), STEP)


def estimate_in_theory(weight: float, real: Mixture = REAL, fake: Mixture = FAKE) -> float:
    """The estimate of the best critic under wgan_gp with this weight: W1 and a little more.

    With Q and P the cumulative functions of fake and real, E D(real) - E D(fake) is the integral of D' (Q - P), and the
    penalty weight * the integral of rho (|D'| - 1)^2, where rho is the density of the points between fake and real.
    So where Q > P the best slope is D' = 1 + (Q - P) / (2 weight rho), above 1: a penalty is no constraint.
    Both densities have one component, and Q > P everywhere.
    """
    apart = fake.cumulative() - real.cumulative()
    between = np.zeros_like(GRID)
    shares = (np.arange(200) + 0.5) / 200
    for share in shares:  # of the real point
        mean = share * real.means[0] + (1 - share) * fake.means[0]
        std = float(np.hypot(share * real.stds[0], (1 - share) * fake.stds[0]))
        between += Mixture((mean,), (std,)).density() / len(shares)
    there = between > 1e-6
    excess = apart[there] ** 2 / (2 * weight * between[there])
    return w1(real, fake) + float(excess.sum() * STEP)


def penalised_critic(weight: float = 10.0, steps: int = 800, seed: int = 0) -> Critic:
    """A critic trained with wgan_gp, which draws its slopes to 1 (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3)."""
    return _train(
        f"gradient penalty {weight:g}", lambda critic: None, [PENALTIES["wgan_gp"](weight=weight)], steps, seed
    )


def clipped_critic(limit: float = 0.01, steps: int = 500, seed: int = 0) -> Critic:
    """A critic whose weights are clipped to [-limit, limit] (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""
    return _train(f"weights within {limit:g}", lambda critic: clip_weights(critic, limit), [], steps, seed)


def _train(
    name: str, after: Callable[[nn.Module], None], penalties: Sequence[nn.Module], steps: int, seed: int
) -> Critic:
    with seeded(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # clipped logits are so small that they may all be in (0, 1)
        adversary = AdversarialLoss(MLPDiscriminator(1, width=64, layers=3), "wasserstein", penalties)
        optimizer = torch.optim.Adam(adversary.parameters(), lr=2e-3, betas=(0.5, 0.9))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        sample_real, sample_fake = REAL.sampler(), FAKE.sampler()
        for _ in range(steps):
            fake = sample_fake(256)[torch.randperm(256)]  # unsorted: the penalty pairs fakes at random
            optimizer.zero_grad()
            adversary.discriminator_loss(fake, sample_real(256)).backward()
            optimizer.step()
            schedule.step()
            after(adversary.discriminator)
        with torch.no_grad():
            critic = adversary.discriminator
            estimate = float(critic(sample_real(100_000)).mean() - critic(sample_fake(100_000)).mean())
            values = critic(torch.from_numpy(GRID).float().unsqueeze(1)).squeeze(1).double().numpy()
    there = REAL.density() + FAKE.density() > MASS
    slopes = np.abs(np.gradient(values, STEP))[there]
    return Critic(name, estimate, float(slopes.max()), GRID[there], values[there] - values[there].mean())
