"""The round: one iteration of the game between generator and discriminators (Goodfellow et al. 2014, algorithm 1)."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor

from advloss.errors import NotFinite, TrainingError
from advloss.losses.penalties import clip_weights
from advloss.recipe import components
from advloss.recipe.build import Built
from advloss.recipe.optimizers import both_players
from advloss.recipe.terms import Term
from advloss.training.average import Average
from advloss.training.player import Player

Batch = Mapping[str, Tensor]
Tensors = Mapping[str, Tensor]
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Round:
    """Plays rounds with a built recipe: order of the steps, accumulation, precision and clipping are the recipe's.

    Nothing in it waits for the device, but for a look at the logits every 200 turns (`LogitWatch`) and for fp16's
    scaler: losses are returned as tensors.
    """

    def __init__(self, built: Built, device: torch.device) -> None:
        train = built.recipe.train
        self.method = built.method
        self.terms = built.terms
        self.by_name = cast(dict[str, Term], dict(built.terms.items()))
        self.weighting = built.weighting
        self.compared_at = built.recipe.weighting.parameters.get("at")
        self.adversaries = built.adversaries
        self.order = train.order
        self.accumulate = train.accumulate
        self.device = device
        self.dtype = AUTOCAST.get(train.precision)
        ours, theirs = both_players(built.recipe.optimizer.parameters)
        make = components.OPTIMIZERS[built.recipe.optimizer.name]
        parameters = list(self.method.parameters())
        self.generator = Player(parameters, make(parameters, **ours), self._scaler(), train.clip)
        parameters = [p for term in self.adversaries.values() for p in term.parameters()]
        self.discriminators = (
            Player(parameters, make(parameters, **theirs), self._scaler(), train.clip) if parameters else None
        )
        self.average = Average(self.method, train.average) if train.average else None
        self.shares: dict[str, Tensor] | None = None
        self.begin(0)

    @property
    def players(self) -> list[Player]:
        """The generator and, where there is one, the discriminators' side."""
        return [self.generator, *([self.discriminators] if self.discriminators else [])]

    @property
    def factors(self) -> Mapping[str, Tensor | float]:
        """What each term counted in the last round, where the weighting works that out; else nothing."""
        return {} if self.weighting.compared_at == "nothing" else self.weighting.latest

    def begin(self, number: int) -> None:
        """Settles which terms count in round `number`, and whose discriminators learn."""
        weights = {name: term.weight_at(number) for name, term in self.by_name.items()}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.weighting.weights.update(weights)
        counting = {name: term for name, term in self.adversaries.items() if term.weight > 0}
        self.learning = {name: term for name, term in counting.items() if number >= term.discriminator_start}

    @property
    def wanted(self) -> set[str]:
        """The tensors that a term names in this round: what is off costs nothing."""
        compared = {self.compared_at} if self.compared_at else set()
        return compared.union(*(self.by_name[name].needs for name in (*self.weights, *self.learning)))

    def play(self, batches: Sequence[Batch], number: int = 0) -> dict[str, Tensor]:
        """Round `number` (from 0) on `discriminator_steps * accumulate` batches; the generator learns from the last
        `accumulate`.

        Gives each term's loss (`cycle_a`), and each discriminator's (`adversarial_a.discriminator`), unweighted.
        """
        self.begin(number)
        *extra, last = [batches[i : i + self.accumulate] for i in range(0, len(batches), self.accumulate)]
        for group in extra:
            self.discriminator_turn(self.without_graph(group))
        if self.order == "generator_first":
            generator, tensors = self.generator_turn(self.forward(batch) for batch in last)
            discriminator = self.discriminator_turn(tensors)
        elif self.accumulate == 1:
            shared = [self.forward(batch) for batch in last]
            discriminator = self.discriminator_turn(shared)
            generator, _ = self.generator_turn(shared)
        else:  # the graphs of several batches would not fit, so the fakes are made twice
            discriminator = self.discriminator_turn(self.without_graph(last))
            generator, _ = self.generator_turn(self.forward(batch) for batch in last)
        if self.average:
            self.average.update()
        return generator | discriminator

    def generator_turn(self, several: Iterable[Tensors]) -> tuple[dict[str, Tensor], list[Tensors]]:
        """The generator's step; also gives back the tensors, without their graph."""
        losses: dict[str, Tensor] = {}
        made: list[Tensors] = []
        for tensors in several:
            with self.autocast():
                values = {name: self.by_name[name](tensors) for name in self.weights}
            total = self.weighting(values, self._place(tensors), self.generator.scale)
            if self.shares is not None:
                self.shares = self._shares_of(values)
            self.generator.backward(total / self.accumulate)
            self._add(losses, values)
            made.append({name: tensor.detach() for name, tensor in tensors.items()})
        self.generator.step()
        return losses, made

    def _shares_of(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of the generator's gradient, each term's part: norms over all of its weights, which sum up to 1."""
        parameters = [parameter for parameter in self.method.parameters() if parameter.requires_grad]
        norms = {}
        for name, value in values.items():
            loss = self.weighting.latest[name] * value * self.generator.scale
            norms[name] = value.new_zeros((), dtype=torch.float32)
            if loss.requires_grad:  # a bottleneck without losses gives a constant
                gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
                norms[name] = torch.stack([norms[name], *[g.float().norm() for g in gradients if g is not None]]).norm()
        total = torch.stack([*norms.values()]).sum()
        return {name: norm / total for name, norm in norms.items()}

    def discriminator_turn(self, several: Iterable[Tensors]) -> dict[str, Tensor]:
        """The discriminators' step on the same fakes."""
        losses: dict[str, Tensor] = {}
        if self.discriminators is None or not self.learning:
            return losses
        for tensors in several:
            with self.autocast():
                values = {f"{name}.discriminator": self._learnt(name, tensors) for name in self.learning}
            first, *others = values.values()
            self.discriminators.backward(sum(others, start=first) / self.accumulate)
            self._add(losses, values)
        self.discriminators.step()
        for term in self.learning.values():
            if term.clip_weights is not None:
                clip_weights(term.loss.discriminator, term.clip_weights)
        return losses

    def _learnt(self, name: str, tensors: Tensors) -> Tensor:
        """A discriminator's loss; where its logits are no numbers, the error says whose."""
        try:
            return self.learning[name].discriminator_loss(tensors)
        except TrainingError as error:
            raise NotFinite(f"losses.{name}: {error}") from None

    def forward(self, batch: Batch) -> Tensors:
        """The method's tensors in float32 (float64 stays), computed in the recipe's precision."""
        with self.autocast():
            tensors = self.method(batch, self.wanted)
        return {name: t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for name, t in tensors.items()}

    def without_graph(self, batches: Iterable[Batch]) -> Iterable[Tensors]:
        """The tensors for a discriminator's step alone."""
        for batch in batches:
            with torch.no_grad():  # not around the yield, where the caller's discriminators learn
                tensors = self.forward(batch)
            yield tensors

    def _place(self, tensors: Tensors) -> Tensor | None:
        """Where the weighting compares gradients: a tensor of the recipe's `at`, the last layer, or nowhere."""
        if self.compared_at:
            return tensors[self.compared_at]
        return self.method.last_layer if self.weighting.compared_at == "last_layer" else None

    def autocast(self) -> AbstractContextManager[object]:
        """The recipe's precision; float32 and float64 need none."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None)

    def _scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)

    def _add(self, losses: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            share = value.detach() / self.accumulate
            losses[name] = losses[name] + share if name in losses else share
