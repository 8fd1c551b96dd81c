"""Eight Gaussians on a ring: how many of them a generator finds, for each objective.

Metz et al. 2017, arXiv:1611.02163, section 3.2.1, show mode collapse on such a ring, and Salimans et al. 2016,
arXiv:1606.03498, section 3.2, minibatch discrimination against it. This is an observation and no proof: the numbers
depend on this small setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advloss.data.synthetic.points import RING_MODES, RING_STD, ring_centres
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES, get_objective
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.networks.layers.minibatch import MinibatchDiscrimination
from advloss.theory.distances import Array
from advloss.theory.game import Energy, Game, points_recipe
from advloss.theory.seeds import seeded

MODES = RING_MODES
STD = RING_STD
STEPS = 1500
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
        return covered(self.shares)

    @property
    def quality(self) -> float:
        """The share of the samples within 3 standard deviations of any mode; 0.989 for real samples."""
        return sum(self.shares)


def centres() -> Tensor:
    """The centres of the modes: [8, 2]."""
    return torch.from_numpy(ring_centres()).float()


def real_batch(count: int) -> Tensor:
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


def ring(objective: str, minibatch: bool, steps: int = STEPS, seed: int = 0) -> Ring:
    """Plays the recipe `points` on the ring, with the adversary of `make_adversary`, for so many iterations."""
    with seeded(seed):
        recipe = points_recipe([f"seed={seed}"], max(steps, 1))
        game = Game(recipe, make_adversary(objective, minibatch))
        batch, noise = recipe.data.batch, recipe.method.parameters["latent"]
        for iteration in range(steps):
            game.step.play([{"point": real_batch(batch), "noise": torch.randn(batch, noise)}], iteration)
        with torch.no_grad():
            samples = game.generator(torch.randn(SAMPLES, noise))  # [N, 2]
    return Ring(objective, minibatch, samples.double().numpy(), shares_of_modes(samples))


def shares_of_modes(samples: Tensor, modes: Tensor | None = None, std: float = STD) -> tuple[float, ...]:
    """The share of samples [N, 2] within 3 standard deviations of each mode. modes: their centres [M, 2], by default
    the ring's."""
    modes = centres() if modes is None else modes
    distance, nearest = torch.cdist(samples, modes).min(1)
    counts = torch.bincount(nearest[distance <= 3 * std], minlength=len(modes))
    return tuple((counts / len(samples)).tolist())


def covered(shares: Sequence[float]) -> int:
    """How many modes have at least a quarter of an equal share of all samples."""
    return sum(share >= 1 / (4 * len(shares)) for share in shares)


def rings(objectives: Sequence[str] = tuple(OBJECTIVES), steps: int = STEPS, seed: int = 0) -> list[Ring]:
    """Each objective, without and with minibatch discrimination."""
    return [ring(objective, minibatch, steps, seed) for objective in objectives for minibatch in (False, True)]
