"""Two parallel lines: W1 measures how far apart they are, and the divergences KL and JS don't.

Arjovsky et al. 2017, arXiv:1701.07875, example 1: real (0, z) and fake (theta, z), z ~ U[0, 1], so the generator
has one parameter, theta. Real and fake share no point unless theta = 0.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.theory.distances import Array, js, kl, transport
from advloss.theory.seeds import seeded

THETAS = tuple(float(theta) for theta in np.linspace(-1, 1, 21).round(1))


@dataclass(frozen=True)
class LineDistances:
    """Three distances between the lines, for each theta."""

    theta: Array  # [N]
    kl: Array  # [N], with infinities
    js: Array  # [N]
    w1: Array  # [N]


def line_distances(thetas: tuple[float, ...] = THETAS, atoms: int = 16) -> LineDistances:
    """KL, JS and W1 of the lines, each made of `atoms` points of equal weight."""
    heights = (np.arange(atoms) + 0.5) / atoms
    rows = []
    for theta in thetas:
        real = [(0.0, float(z)) for z in heights]
        fake = [(theta, float(z)) for z in heights]
        places = sorted({*real, *fake})
        p, q = (np.array([line.count(place) / atoms for place in places]) for line in (real, fake))
        cost = np.linalg.norm(np.array(real)[:, None] - np.array(fake)[None], axis=-1)  # [atoms, atoms]
        uniform = np.full(atoms, 1 / atoms)
        rows.append((theta, kl(p, q), js(p, q), transport(uniform, uniform, cost)[0]))
    return LineDistances(*(np.array(column) for column in zip(*rows, strict=True)))


@dataclass(frozen=True)
class LineGradients:
    """d loss / d theta of the generator, while its discriminator learns and theta does not change."""

    steps: Array  # of the discriminator [N]
    minimax: Array  # [N]
    non_saturating: Array  # [N], against the same discriminators as minimax
    wasserstein: Array  # [N], against a critic with wgan_gp
    logit: float  # the mean logit of the fakes, of the last discriminator of minimax
    critic_norms: Array  # |gradient of the last critic| at fakes [M]

    @property
    def ratio(self) -> float:
        """Non-saturating gradient / minimax gradient, after the last step."""
        return float(self.non_saturating[-1] / self.minimax[-1])


def line_gradients(theta: float = 1.0, steps: int = 1500, every: int = 50, seed: int = 0) -> LineGradients:
    """Trains a minimax discriminator and a Wasserstein critic on the lines; measures the gradient in theta of each."""
    with seeded(seed):
        judge = AdversarialLoss(MLPDiscriminator(2, width=64, layers=2), objective="minimax")
        other = AdversarialLoss(judge.discriminator, objective="non_saturating")  # the same discriminator
        critic = AdversarialLoss(
            MLPDiscriminator(2, width=64, layers=2),
            objective="wasserstein",
            penalties=[PENALTIES["wgan_gp"](weight=10)],
        )
        optimizers = [torch.optim.Adam(each.parameters(), lr=1e-3, betas=(0.5, 0.9)) for each in (judge, critic)]
        rows = []
        for step in range(steps + 1):
            if step % every == 0:
                rows.append([float(step), *(_slope(adversary, theta) for adversary in (judge, other, critic))])
            for adversary, optimizer in zip((judge, critic), optimizers, strict=True):
                optimizer.zero_grad()
                adversary.discriminator_loss(_line(theta), _line(0.0)).backward()
                optimizer.step()
        fake = _line(theta).requires_grad_()
        (gradient,) = torch.autograd.grad(critic.discriminator(fake).sum(), fake)
        logit = float(judge.discriminator(fake).detach().mean())
    moments, minimax, non_saturating, wasserstein = (np.array(column) for column in zip(*rows, strict=True))
    norms = gradient.norm(dim=1).double().numpy()
    return LineGradients(moments, minimax, non_saturating, wasserstein, logit, norms)


def _line(theta: float | Tensor, count: int = 128) -> Tensor:
    """(theta, z) for fresh z: [count, 2]."""
    return torch.stack([torch.as_tensor(theta).expand(count), torch.rand(count)], 1)


def _slope(adversary: AdversarialLoss, theta: float) -> float:
    parameter = torch.tensor(theta, requires_grad=True)
    adversary(_line(parameter)).backward()
    return float(parameter.grad) if parameter.grad is not None else 0.0
