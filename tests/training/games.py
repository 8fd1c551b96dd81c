"""Tiny games for tests of executors: two numbers that learn, and losses of a user's own."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from advloss.losses.adversarial.weighting import Fixed
from advloss.methods.base import Method
from advloss.recipe.build import Built, build
from advloss.recipe.players import players_of
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.terms import Term
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.step import PlainStep

CPU = torch.device("cpu")
EXECUTORS = {"plain": PlainStep, "fast": FastStep}


class Factor(Method):
    """fake = g a, other = g b. a, b: [B]."""

    tensors = {"fake": "g a [B]", "other": "g b [B]", "real": "b [B]"}
    data = "pairs"
    directions = {}

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        return {"fake": self.g * batch["a"], "other": self.g * batch["b"], "real": batch["b"]}


class Critic(nn.Module):
    """A two-sided loss without any guard: the critic is x -> w x, the generator's loss -w E fake."""

    def __init__(self, clip: float | None = None) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.limit = clip

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        return -(self.w * fake).mean()

    def discriminator_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        return (self.w * fake).mean() - (self.w * real).mean()

    def clip(self) -> None:
        with torch.no_grad():
            if self.limit is not None:
                self.w.clamp_(-self.limit, self.limit)


class Symmetric(Critic):
    """The same critic, for two tensors that the generator makes: its loss is the critic's, reversed."""

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        return -self.discriminator_loss(fake, real)


class Offset(nn.Module):
    """A plain loss with a parameter: E (x + p)^2."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.p).square().mean()


def game(terms: dict[str, Term], *, lr: Any = 0.1, optimizer: Mapping[str, Any] | None = None, **train: Any) -> Built:
    """The game of `Factor` with these terms, by sgd in float64."""
    recipe = Recipe.model_validate(
        {
            "method": "factor",
            "networks": {},
            "losses": {},
            "optimizer": {"name": "sgd", "lr": lr, **(optimizer or {})},
            "train": {"iterations": 9, "precision": "fp64", **train},
        }
    )
    method, own = Factor(), nn.ModuleDict(terms)
    weights = {name: term.weight_at(0) for name, term in terms.items() if term.player == "generator"}
    players = players_of(recipe.train.steps or {}, method, terms)
    return Built(recipe, method, own, players, Fixed(weights), {}, None, {})


def batch(a: float, b: float) -> dict[str, Tensor]:
    return {"a": torch.tensor([a], dtype=torch.float64), "b": torch.tensor([b], dtype=torch.float64)}


SMALL = [
    "networks.generator={name: unet, levels: 2, width: 2, norm: instance, dropout: 0}",
    "losses.adversarial.discriminator={name: patchgan, width: 4, layers: 1, norm: instance}",
    "data.load=16",
    "data.crop=16",
    "train.precision=fp64",
]


def small(*overrides: str) -> Built:
    """pix2pix-small, smaller still, in float64, the same weights each time."""
    source = read("pix2pix-small")
    for override in (*SMALL, *overrides):
        source.override(override)
    built = build(resolve(source))
    torch.manual_seed(1)
    return built


def images(number: int, size: int = 2) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(number)
    return {side: torch.rand(size, 3, 16, 16, generator=draw, dtype=torch.float64) * 2 - 1 for side in "ab"}
