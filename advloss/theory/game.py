"""Games of points: the recipe `points`, with any adversary, played by the project's own step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.recipe.build import Built, build
from advloss.recipe.players import players_of
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.terms import Term, by_name
from advloss.recipe.text.source import folders, read
from advloss.training.step import PlainStep

TERM = "adversarial"
"""The recipe's only term."""


class Energy(nn.Module):
    """|x - A(x)|^2 with an autoencoder A, the energy of EBGAN's discriminator (Zhao et al. 2017, arXiv:1609.03126)."""

    energy: ClassVar[bool] = True

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.autoencoder(x)).square().sum(1, keepdim=True)  # [B, 1]


def points_recipe(settings: Sequence[str], iterations: int) -> Recipe:
    """The package's recipe `points`, whose rates fall to 0 over so many iterations. settings: `key=value`."""
    source = read(str(folders()[1] / "points.yaml"))
    source.assign(("train", "iterations"), iterations)
    source.assign(("optimizer", "lr", "over"), max(iterations, 1))
    for setting in settings:
        source.override(setting)
    return resolve(source)


def with_adversary(built: Built, adversary: AdversarialLoss) -> Built:
    """The recipe's objects with another adversary in the place of their own."""
    terms = nn.ModuleDict({TERM: Term(adversary, ["fake", "point"])})
    players = players_of(built.recipe.train.steps or {}, built.method, by_name(terms))
    return replace(built, terms=terms, players=players)


class Game:
    """A generator and a discriminator of points in training, on the CPU, in the plain executor.

    Weights are drawn from the recipe's seed; torch's random numbers go on from there.
    """

    def __init__(self, recipe: Recipe, adversary: AdversarialLoss | None = None) -> None:
        built = build(recipe)
        self.built = built if adversary is None else with_adversary(built, adversary)
        self.step = PlainStep(self.built, torch.device("cpu"))

    @property
    def generator(self) -> nn.Module:
        """From noise [B, latent] to points [B, 2]."""
        generator = self.built.method.generator
        assert isinstance(generator, nn.Module)
        return generator

    @property
    def adversary(self) -> AdversarialLoss:
        """The game's loss, with the discriminator."""
        loss = self.built.adversaries[TERM].loss
        assert isinstance(loss, AdversarialLoss)
        return loss
