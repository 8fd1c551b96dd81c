"""The base class of executors, which play the iterations of a training."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from advloss.core.clock import Clock, follow
from advloss.core.errors import InputError, NotFinite, TrainingError
from advloss.recipe.build import Built
from advloss.recipe.players import batches_per_iteration
from advloss.recipe.tensors import flattened
from advloss.recipe.terms import GENERATOR, Term, by_name
from advloss.training.average import Average
from advloss.training.player import Player
from advloss.training.precision import Precision

Batch = Mapping[str, Tensor]
Tensors = Mapping[str, Tensor]
Say = Callable[[str], None]
COMPARED = "compared at"
"""The key of the tensor at which the weighting compares gradients, if the recipe names one. Under this key it is the
tensor as the method made it; under its own name it is the float32 tensor that the terms get."""


class Executor(ABC):
    """Plays the iterations of a built recipe.

    In an iteration each player takes its `train.steps`, in their order. A step takes a group of `train.accumulate`
    batches. A player begins with the group on which the player before it ended, and goes on to the next group with each
    further step. On a group all players see the same tensors: those of before the first step on it.

    A subclass implements `play`. To use your own, add it to `executors.EXECUTORS`, and name it in `train.executor`.

    players: by name, in the order of their steps. average: the moving average of the method, or None. clock: the clock
    that all parts of the recipe follow. rate_factor: a function from an iteration (from 0) to the factor of all
    learning rates, the recipe's `schedule`. batches_per_iteration: how many batches an iteration takes.
    gradient_shares: each term's part of the generator's gradient in the last iteration, if it was measured.

    built: on `device`, in training mode. say: shows a line to the user if iterations are played in an unexpected way.
    """

    def __init__(self, built: Built, device: torch.device, say: Say = lambda sentence: None) -> None:
        train = built.recipe.train
        self.method = built.method
        self.terms = built.terms
        self.by_name: dict[str, Term] = by_name(built.terms)
        self.weighting = built.weighting
        self.compared_at = built.recipe.weighting.parameters.get("at")
        self.device = device
        self.accumulate = train.accumulate
        self.batches_per_iteration = batches_per_iteration(train)
        self.shares_every = train.gradient_shares_every
        self.precision = Precision(train.precision, device)
        self.clock = Clock()
        for part in (self.method, self.terms, self.weighting):
            follow(part, self.clock)
        fp16 = self.precision.dtype is torch.float16
        self.players = {name: Player.of(built.recipe, name, mine, fp16) for name, mine in built.players.items()}
        for name, term in self.by_name.items():
            for player in self.players.values():
                with naming(name):
                    term.learns_by(player.name, player.optimizer)
        self.average = Average.of(self.method, train)
        if self.average:
            follow(self.average.module, self.clock)  # it was copied with a clock of its own
        self.rate_factor: Callable[[int], float] = lambda iteration: 1.0
        self.gradient_shares: dict[str, Tensor] = {}
        self.begin(0)

    @abstractmethod
    def play(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """Plays an iteration (number `iteration`, from 0) on `batches_per_iteration` batches.

        Gives each term's loss (`cycle_a`) and each discriminator's (`adversarial_a.discriminator`), without their
        weights. If a player takes several steps, they are those of its last step. They are valid until the next call.
        """

    @property
    def words(self) -> str:
        """The precision, and how iterations are played: `bf16, compiled, as CUDA graphs`."""
        return self.precision.name

    @property
    def factors(self) -> Mapping[str, Tensor | float]:
        """Each term's factor in the last iteration, if the weighting computes factors; else empty."""
        return {} if self.weighting.compared_at == "nothing" else self.weighting.latest

    @property
    def shares_gradient(self) -> bool:
        """Whether this iteration measures `gradient_shares`."""
        return bool(self.shares_every) and (self.clock.iteration + 1) % (self.shares_every or 1) == 0

    def begin(self, iteration: int) -> None:
        """Sets, for an iteration, the clock, the learning rates, the weights of the terms, and which discriminators
        learn."""
        self.clock.iteration = iteration
        self.gradient_shares = {}
        for player in self.players.values():
            player.begin(iteration, self.rate_factor(iteration))
        weights = {name: term.weight_at(iteration) for name, term in self.by_name.items()}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.learning = [name for name, term in self.by_name.items() if term.learns_at(iteration)]
        self.weighting.weights.update({name: weights[name] for name in self.weighting.weights})

    def groups(self, batches: Sequence[Batch]) -> Iterator[tuple[Sequence[Batch], list[Player]]]:
        """The groups of batches of an iteration, each with the players that take a step on it, in order."""
        on_group: list[list[Player]] = [[]]
        for player in self.players.values():
            on_group[-1].append(player)
            on_group += [[player] for _ in range(player.steps - 1)]
        for number, players in enumerate(on_group):
            yield batches[number * self.accumulate : (number + 1) * self.accumulate], players

    def minimised_by(self, player: Player) -> list[str]:
        """The terms whose loss the player minimises in this iteration."""
        return [name for name in self.weights if self.by_name[name].player == player.name]

    def learnt_by(self, player: Player) -> list[str]:
        """The terms whose discriminator's loss the player minimises in this iteration."""
        return [name for name in self.learning if self.by_name[name].owner == player.name]

    def wanted(self, players: Sequence[Player]) -> set[str]:
        """The tensors that these players' terms name in this iteration. The method computes no others."""
        names = [name for player in players for name in (*self.minimised_by(player), *self.learnt_by(player))]
        compared = {self.compared_at} if self.compared_at and any(p.name == GENERATOR for p in players) else set()
        return compared.union(*(self.by_name[name].needs for name in names))

    def forward(self, batch: Batch, players: Sequence[Player]) -> Tensors:
        """The tensors that the players want, in float32 (float64 stays), computed in the recipe's precision."""
        with self.precision.autocast():
            tensors = flattened(self.method(batch, self.wanted(players)))
        seen = {name: t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for name, t in tensors.items()}
        return seen | {COMPARED: tensors[self.compared_at]} if self.compared_at in tensors else seen

    def place(self, tensors: Tensors) -> Tensor | None:
        """The tensor at which the weighting compares gradients: one that the recipe names, the weight of the last
        layer, or None."""
        if self.compared_at:
            return tensors[COMPARED]
        return self.method.last_layer if self.weighting.compared_at == "last_layer" else None

    def add(self, losses: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
        """Adds one batch's values to `losses`, the means over the accumulated batches."""
        for name, value in values.items():
            share = value.detach() / self.accumulate
            losses[name] = losses[name] + share if name in losses else share

    def loss(self, name: str, tensors: Tensors) -> Tensor:
        """The loss that a term's player minimises. Its errors have the term's name."""
        with naming(name):
            value: Tensor = self.by_name[name](tensors)
        return value

    def discriminator_loss(self, name: str, tensors: Tensors) -> Tensor:
        """A term's `discriminator_loss`. Raises NotFinite, with the term's name, where its logits are not finite."""
        with naming(name):
            return self.by_name[name].discriminator_loss(tensors)


@contextmanager
def naming(term: str) -> Iterator[None]:
    """Adds the term's name to an InputError within it. A TrainingError becomes NotFinite with the term's name."""
    try:
        yield
    except InputError as error:
        raise InputError(f"losses.{term}: {error}") from None
    except TrainingError as error:
        raise NotFinite(f"losses.{term}: {error}") from None
