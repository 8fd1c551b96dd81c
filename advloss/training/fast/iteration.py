"""One iteration of the game between generator and discriminators (Goodfellow et al. 2014, algorithm 1)."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor

from advloss.core.errors import NotFinite, TrainingError
from advloss.losses.adversarial.one_pass import one_pass
from advloss.recipe import components
from advloss.recipe.build import Built
from advloss.recipe.optimizers import both_players
from advloss.recipe.terms import Term
from advloss.training.average import Average
from advloss.training.fast.compiling import compile_networks
from advloss.training.fast.cuda_graphs import CudaGraphs
from advloss.training.fast.split_backward import SplitBackward
from advloss.training.player import Player
from advloss.training.precision import Precision

Batch = Mapping[str, Tensor]
Tensors = Mapping[str, Tensor]
AT = "compared at"
"""Among an iteration's tensors the one at which the weighting compares gradients, if it is one of the recipe's `at`:
as the method goes on from it, where the same tensor under its own name is only what the terms see, in float32."""


class FastStep:
    """Plays iterations with a built recipe: order of the steps, accumulation, precision and clipping are the recipe's.

    Nothing in it waits for the device, but for a look at the logits every 200 turns (`LogitChecks`) and fp16's scaler
    with rmsprop, which has no fused step: losses are returned as tensors.

    say: is told how it plays, where that is not what a user would expect.
    """

    def __init__(self, built: Built, device: torch.device, say: Callable[[str], None] = lambda sentence: None) -> None:
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
        self.precision = Precision(train.precision, device)
        on_cpu = device.type == "cpu" and self.method.channels_last_on_cpu
        self.layout = torch.channels_last if self.precision.tensor_cores or on_cpu else torch.contiguous_format
        for side in (self.method, self.terms):
            side.to(memory_format=self.layout)
        ours, theirs = both_players(built.recipe.optimizer.parameters)
        make = components.OPTIMIZERS[built.recipe.optimizer.name]
        parameters = list(self.method.parameters())
        self.generator = Player(parameters, make(parameters, **ours), self._scaler(), train.clip)
        parameters = [p for term in self.adversaries.values() for p in term.parameters()]
        self.discriminators = (
            Player(parameters, make(parameters, **theirs), self._scaler(), train.clip) if parameters else None
        )
        self.average = Average(self.method, train.average) if train.average else None
        self.compiled = compile_networks(built, device, say)
        once = train.order == "generator_first" and train.accumulate == 1
        self.one_pass = {name for name, term in self.adversaries.items() if once and one_pass(term.loss)}
        self.shares: dict[str, Tensor] | None = None
        self.begin(0)
        self.recorder = CudaGraphs.made(self, train.graphs, say)

    @property
    def players(self) -> list[Player]:
        """The generator and, where there is one, the discriminators' side."""
        return [self.generator, *([self.discriminators] if self.discriminators else [])]

    @property
    def words(self) -> str:
        """What it computes in, and how: `bf16, compiled, as CUDA graphs`."""
        parts = [self.precision.name, "compiled" if self.compiled else "", "as CUDA graphs" if self.recorder else ""]
        return ", ".join(part for part in parts if part)

    @property
    def factors(self) -> Mapping[str, Tensor | float]:
        """What each term counted in the last iteration, where the weighting works that out; else nothing."""
        return {} if self.weighting.compared_at == "nothing" else self.weighting.latest

    def begin(self, number: int) -> None:
        """Settles which terms count in iteration `number`, and whose discriminators learn."""
        weights = {name: term.weight_at(number) for name, term in self.by_name.items()}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.weighting.weights.update(weights)
        counting = {name: term for name, term in self.adversaries.items() if term.weight > 0}
        self.learning = {name: term for name, term in counting.items() if number >= term.discriminator_start}

    @property
    def phase(self) -> Hashable:
        """What an iteration begun does, the same value for the same work; None where it can't be done the same
        again."""
        return None if self.shares is not None else (tuple(self.weights.items()), tuple(self.learning))

    @property
    def wanted(self) -> set[str]:
        """The tensors that a term names in this iteration: what is off costs nothing."""
        compared = {self.compared_at} if self.compared_at else set()
        return compared.union(*(self.by_name[name].needs for name in (*self.weights, *self.learning)))

    def play(self, batches: Sequence[Batch], number: int = 0) -> dict[str, Tensor]:
        """FastStep `number` (from 0) on `discriminator_steps * accumulate` batches; the generator learns from the last
        `accumulate`.

        Gives each term's loss (`cycle_a`), and each discriminator's (`adversarial_a.discriminator`), unweighted; they
        are good until the next iteration.
        """
        self.begin(number)
        if self.shares is not None and self.compiled:  # graphs that are gone through several times
            with torch.compiler.set_stance("force_eager"), self.precision.settings():
                return self.turns(batches)
        with self.precision.settings():
            return self.recorder.play(batches) if self.recorder else self.turns(batches)

    def turns(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """All turns of an iteration begun."""
        *extra, last = [batches[i : i + self.accumulate] for i in range(0, len(batches), self.accumulate)]
        for group in extra:
            self.discriminator_step(self.without_graph(group))
        if self.order == "generator_first":
            generator, tensors, judged = self.generator_step(self.forward(batch) for batch in last)
            discriminator = self.discriminator_step(tensors, judged)
        elif self.accumulate == 1:
            shared = [self.forward(batch) for batch in last]
            discriminator = self.discriminator_step(shared)
            generator, *_ = self.generator_step(shared)
        else:  # the graphs of several batches would not fit, so the fakes are made twice
            discriminator = self.discriminator_step(self.without_graph(last))
            generator, *_ = self.generator_step(self.forward(batch) for batch in last)
        if self.average:
            self.average.update()
        return generator | discriminator

    def generator_step(self, several: Iterable[Tensors]) -> tuple[dict[str, Tensor], list[Tensors], dict[str, Tensor]]:
        """The generator's step; also gives back the tensors, without their graph, and the losses of discriminators
        that judged these fakes for both turns at once."""
        losses: dict[str, Tensor] = {}
        judged: dict[str, Tensor] = {}
        made: list[Tensors] = []
        for tensors in several:
            cut = SplitBackward(tensors, self.generator.scale)
            with self.precision.autocast():
                values = {name: self._value(name, cut.seen, judged) for name in self.weights}
            keep = bool(judged) or self.shares is not None
            gradients = cut.weighed(values, self.weighting, self._place(tensors), keep)
            if self.shares is not None:
                self.shares = cut.shares(values, self.weighting.latest, self.generator.parameters)
            self._add(losses, values)
            del values  # and with them the losses' graphs, before the method's is gone through
            if gradients:
                share = 1 / self.accumulate
                self.generator.backward(
                    [tensors[name] for name in gradients], [share * gradient for gradient in gradients.values()]
                )
            made.append({name: tensor.detach() for name, tensor in tensors.items()})
        self.generator.step()
        return losses, made, judged

    def _value(self, name: str, tensors: Tensors, judged: dict[str, Tensor]) -> Tensor:
        """A term's loss; where one pass serves both turns, `judged` gets the discriminator's."""
        if name not in self.one_pass or name not in self.learning:
            return self.by_name[name](tensors)
        with _named(name):
            value, judged[name] = self.adversaries[name].both(tensors)
        return value

    def discriminator_step(
        self, several: Iterable[Tensors], judged: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The discriminators' step on the same fakes; judged: losses that are known already."""
        losses: dict[str, Tensor] = {}
        if self.discriminators is None or not self.learning:
            return losses
        for tensors in several:
            with self.precision.autocast():
                values = {f"{name}.discriminator": self._learnt(name, tensors, judged or {}) for name in self.learning}
            total = torch.stack([*values.values()]).sum()
            self.discriminators.backward([self.discriminators.scale * total / self.accumulate])
            self._add(losses, values)
        self.discriminators.step()
        for term in self.learning.values():
            term.loss.clip()
        return losses

    def _learnt(self, name: str, tensors: Tensors, judged: Mapping[str, Tensor]) -> Tensor:
        """A discriminator's loss."""
        if name in judged:
            return judged[name]
        with _named(name):
            return self.learning[name].discriminator_loss(tensors)

    def forward(self, batch: Batch) -> Tensors:
        """The method's tensors in float32 (float64 stays), computed in the recipe's precision."""
        batch = {side: images.contiguous(memory_format=self.layout) for side, images in batch.items()}
        with self.precision.autocast():
            tensors = self.method(batch, self.wanted)
        seen = {name: t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for name, t in tensors.items()}
        return seen | {AT: tensors[self.compared_at]} if self.compared_at else seen

    def without_graph(self, batches: Iterable[Batch]) -> Iterable[Tensors]:
        """The tensors for a discriminator's step alone."""
        for batch in batches:
            with torch.no_grad():  # not around the yield, where the caller's discriminators learn
                tensors = self.forward(batch)
            yield tensors

    def _place(self, tensors: Tensors) -> Tensor | None:
        """Where the weighting compares gradients: a tensor of the recipe's `at`, the last layer, or nowhere."""
        if self.compared_at:
            return tensors[AT]
        return self.method.last_layer if self.weighting.compared_at == "last_layer" else None

    def _scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device.type, enabled=self.precision.dtype is torch.float16)

    def _add(self, losses: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            share = value.detach() / self.accumulate
            losses[name] = losses[name] + share if name in losses else share


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Where a discriminator's logits are no numbers, the error says whose."""
    try:
        yield
    except TrainingError as error:
        raise NotFinite(f"losses.{name}: {error}") from None
