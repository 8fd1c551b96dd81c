"""A recipe's terms: a loss between named tensors, its weight over time, and the player that minimises it."""

import inspect
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.core.precision import full_precision
from advloss.methods.base import keep_frozen
from advloss.recipe.tensors import several, taken

Tensors = Mapping[str, Tensor]
GENERATOR = "generator"
"""The player that owns the method's networks."""
DISCRIMINATOR = "discriminator"
"""The player that owns the parameters of two-sided losses."""


class Term(nn.Module):
    """A loss between named tensors of the method.

    A loss with a method `discriminator_loss` in addition to `forward` is two-sided: `player` minimises `forward`, and
    the player `discriminator` minimises `discriminator_loss` and owns the loss's parameters. The parameters of any
    other loss belong to `player`. Parameters that require no gradient belong to no player.

    A loss is computed in float32 at least, also under autocast. A two-sided loss, and one whose attribute
    `own_precision` is true, chooses its precision itself, since it calls networks.

    loss: a module from the tensors of `between`, and of `given` by keyword, to a scalar. between: names of tensors.
    given: names of tensors, by the keyword of the loss that takes each. player: the player that minimises the loss.
    weight: the factor of the loss in its player's sum, at least 0. start: the first iteration (from 0) in which the
    loss counts. ramp: the number of iterations after that in which its weight grows linearly to `weight`.
    discriminator_weight: the factor of `discriminator_loss` (0.5 if a paper halves it). discriminator_start: the first
    iteration in which the discriminator learns, by default `start`; it may be before `start`.

    two_sided: whether a discriminator learns from the loss too. owner: the player that trains the loss's parameters.
    """

    def __init__(
        self,
        loss: nn.Module,
        between: list[str],
        *,
        given: Mapping[str, str] | None = None,
        player: str = GENERATOR,
        weight: float | Schedule = 1.0,
        start: int = 0,
        ramp: int = 0,
        discriminator_weight: float = 1.0,
        discriminator_start: int | None = None,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.between = between
        self.given = dict(given or {})
        self.player = player
        self.weight = weight
        self.start = start
        self.ramp = ramp
        self.discriminator_weight = discriminator_weight
        self.discriminator_start = start if discriminator_start is None else discriminator_start
        self.two_sided = is_two_sided(loss)
        self.owner = DISCRIMINATOR if self.two_sided else player
        self._keywords = _keywords(loss.forward)
        self._keywords_of_discriminator = _keywords(loss.discriminator_loss) if self.two_sided else frozenset()

    @property
    def needs(self) -> set[str]:
        """The tensors that this term names."""
        return {*self.between, *self.given.values()}

    @property
    def networks(self) -> list[nn.Module]:
        """The parts of the loss with parameters to train, or that `train.freeze` freezes, each called as a whole."""
        waiting, found = list(self.loss.children()), []
        while waiting:
            part = waiting.pop(0)
            if isinstance(part, nn.ModuleList | nn.ModuleDict):
                waiting = [*part.children(), *waiting]
            elif any(p.requires_grad for p in part.parameters()) or any(hasattr(m, "frozen") for m in part.modules()):
                found.append(part)
        return found

    def parameters_of(self, player: str) -> list[nn.Parameter]:
        """The parameters of the loss that this player trains."""
        mine = self.loss.parameters() if player == self.owner else ()
        return [parameter for parameter in mine if parameter.requires_grad]

    def weight_at(self, iteration: int) -> float:
        """The weight in iteration number `iteration` (from 0); 0 before `start`, and then the term is not computed."""
        if iteration < self.start:
            return 0.0
        weight = self.weight.at(iteration) if isinstance(self.weight, Schedule) else self.weight
        return weight * min(1.0, (iteration - self.start + 1) / self.ramp) if self.ramp else weight

    def learns_at(self, iteration: int) -> bool:
        """Whether the discriminator learns in that iteration; never if the weight is 0 in all iterations."""
        weights = self.weight.bounds if isinstance(self.weight, Schedule) else (self.weight,)
        return self.two_sided and max(weights) > 0 and iteration >= self.discriminator_start

    def train(self, mode: bool = True) -> Self:
        """As of every module, but that frozen parts stay in eval mode."""
        super().train(mode)
        keep_frozen(self)
        return self

    def forward(self, tensors: Tensors) -> Tensor:
        """The loss that `player` minimises, without its weight: a scalar."""
        images, given = self._inputs(tensors, self._keywords)
        with self._precision(several(images[0])[0]):
            value: Tensor = self.loss(*images, **given)
        return value

    def discriminator_loss(self, tensors: Tensors) -> Tensor:
        """The loss that the discriminator minimises, times `discriminator_weight`: a scalar."""
        images, given = self._inputs(tensors, self._keywords_of_discriminator)
        value: Tensor = self.loss.discriminator_loss(*images, **given)  # type: ignore[operator]
        return self.discriminator_weight * value

    def learns_by(self, player: str, optimizer: torch.optim.Optimizer) -> None:
        """Tells the loss which optimizer trains its parameters, if it asks. Call it for each player, once."""
        if player == self.owner and hasattr(self.loss, "learns_by"):
            self.loss.learns_by(optimizer)  # type: ignore[operator]

    def after_step(self, player: str) -> None:
        """Clips the discriminator's weights, if the loss asks for it. Call it after each step of a player."""
        if player == self.owner and hasattr(self.loss, "clip"):
            self.loss.clip()  # type: ignore[operator]

    def _inputs(self, tensors: Tensors, keywords: frozenset[str]) -> tuple[list[Any], dict[str, Any]]:
        """The tensors for `forward` or `discriminator_loss`. keywords: those of the tensors that it takes by name."""
        given = {key: taken(tensors, name) for key, name in self.given.items() if key in keywords}
        return [taken(tensors, name) for name in self.between], given

    def _precision(self, x: Tensor) -> AbstractContextManager[None]:
        own = self.two_sided or getattr(self.loss, "own_precision", False)
        return nullcontext() if own else full_precision(x)


def _keywords(half: Any) -> frozenset[str]:
    return frozenset(inspect.signature(half).parameters)


def is_two_sided(loss: object) -> bool:
    """Whether a loss, or a class of losses, has a discriminator that learns from it."""
    return callable(getattr(loss, "discriminator_loss", None))


def by_name(terms: nn.ModuleDict) -> dict[str, Term]:
    """The terms of a recipe by name, with the type `Term`."""
    return cast(dict[str, Term], dict(terms.items()))
