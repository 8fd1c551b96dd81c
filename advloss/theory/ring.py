"""Eight Gaussians on a ring: how many of them a generator finds, for each objective.

Metz et al. 2017, arXiv:1611.02163, section 3.2.1, show mode collapse on such a ring, and Salimans et al. 2016,
arXiv:1606.03498, section 3.2, minibatch discrimination against it. This is an observation and no proof: the numbers
depend on this small setting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES, get_objective
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.networks.layers.minibatch import MinibatchDiscrimination
from advloss.theory.distances import Array
from advloss.theory.seeds import seeded

MODES = 8
RADIUS = 2.0
STD = 0.1
NOISE = 2
BATCH = 64
STEPS = 1500
RATE = 2e-3
BETAS = (0.5, 0.99)
PENALTY = 1.0
CLOSENESS = 4
"""The number of learned measures of closeness in minibatch discrimination."""
SAMPLES = 2000


@dataclass(frozen=True)
class Ring:
    """2000 samples of a trained generator."""

    objective: str
    minibatch: bool  # with minibatch discrimination
    samples: Array  # [2000, 2]
    shares: tuple[float, ...]  # of all samples, those within 3 standard deviations of each mode [8]

    @property
    def modes(self) -> int:
        """How many modes have 1/32 of the samples, a quarter of an equal share, within 3 standard deviations."""
        return sum(share >= 1 / (4 * MODES) for share in self.shares)

    @property
    def quality(self) -> float:
        """The share of the samples within 3 standard deviations of any mode; 0.989 for real samples."""
        return sum(self.shares)


class Energy(nn.Module):
    """|x - A(x)|^2 with an autoencoder A, the energy of EBGAN's discriminator (Zhao et al. 2017, arXiv:1609.03126)."""

    energy: ClassVar[bool] = True

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.autoencoder(x)).square().sum(1, keepdim=True)  # [B, 1]


def centres() -> Tensor:
    """The centres of the modes: [8, 2]."""
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], 1)


def real_batch(count: int = BATCH) -> Tensor:
    """Samples of the ring: [count, 2]."""
    return centres()[torch.randint(MODES, (count,))] + STD * torch.randn(count, 2)


def make_discriminator(minibatch: bool, outputs: int = 1, width: int = 64) -> nn.Sequential:
    """[B, 2] -> [B, outputs]. minibatch: with minibatch discrimination before the last layer, as in the paper."""
    body = [nn.Linear(2, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)]
    closeness = [MinibatchDiscrimination(width, CLOSENESS, 4)] if minibatch else []
    return nn.Sequential(*body, *closeness, nn.Linear(width + (CLOSENESS if minibatch else 0), outputs))


def make_adversary(objective: str, minibatch: bool) -> AdversarialLoss:
    """With the penalty that the Wasserstein objective needs, and energies where they are wanted."""
    game = get_objective(objective)
    discriminator = Energy(make_discriminator(minibatch, 2)) if game.energy else make_discriminator(minibatch)
    penalties = [PENALTIES["wgan_gp"](weight=PENALTY)] if objective == "wasserstein" else []
    return AdversarialLoss(discriminator, game, penalties)


def make_generator(width: int = 64) -> nn.Sequential:
    """Noise [B, 2] -> points [B, 2]."""
    return nn.Sequential(nn.Linear(NOISE, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))


def ring(objective: str, minibatch: bool, steps: int = STEPS, seed: int = 0) -> Ring:
    """Trains a generator and a discriminator on the ring, in alternating steps, with learning rates that fall to 0."""
    with seeded(seed):
        generator, adversary = make_generator(), make_adversary(objective, minibatch)
        optimizers = [torch.optim.Adam(each.parameters(), lr=RATE, betas=BETAS) for each in (adversary, generator)]
        schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(each, max(steps, 1)) for each in optimizers]
        for _ in range(steps):
            real, fake = real_batch(), generator(torch.randn(BATCH, NOISE))  # [B, 2]
            for loss, optimizer in zip((adversary.discriminator_loss, adversary.forward), optimizers, strict=True):
                optimizer.zero_grad()
                loss(fake, real).backward()
                optimizer.step()
            for schedule in schedules:
                schedule.step()
        with torch.no_grad():
            samples = generator(torch.randn(SAMPLES, NOISE))  # [N, 2]
    return Ring(objective, minibatch, samples.double().numpy(), shares_of_modes(samples))


def shares_of_modes(samples: Tensor) -> tuple[float, ...]:
    """The share of samples [N, 2] within 3 standard deviations of each mode: [8]."""
    distance, nearest = torch.cdist(samples, centres()).min(1)
    counts = torch.bincount(nearest[distance <= 3 * STD], minlength=MODES)
    return tuple((counts / len(samples)).tolist())


def rings(objectives: Sequence[str] = tuple(OBJECTIVES), steps: int = STEPS, seed: int = 0) -> list[Ring]:
    """Each objective, without and with minibatch discrimination."""
    return [ring(objective, minibatch, steps, seed) for objective in objectives for minibatch in (False, True)]
