"""The fast executor: computes what `training/step.py` computes, with fewer passes."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.one_pass import both, one_pass
from advloss.recipe.build import Built
from advloss.recipe.players import own_parameters
from advloss.recipe.terms import GENERATOR, Term
from advloss.training.executor import Batch, Executor, Say, Tensors, naming
from advloss.training.fast.compiling import compile_networks
from advloss.training.fast.cuda_graphs import CudaGraphs
from advloss.training.fast.split_backward import SplitBackward
from advloss.training.player import Player


class FastStep(Executor):
    """Plays iterations faster than the plain executor, by

    - one backward pass through each graph (`SplitBackward`);
    - one forward of the method for all players of a group;
    - one pass of a discriminator for both of its losses, if its parameters don't change between them (`one_pass`);
    - compiled networks and CUDA graphs.

    It waits for the device in two cases only: every 200 iterations for `LogitChecks`, and with fp16 and rmsprop, which
    has no fused step. Losses are returned as tensors.
    """

    def __init__(self, built: Built, device: torch.device, say: Say = lambda sentence: None) -> None:
        super().__init__(built, device, say)
        on_cpu = device.type == "cpu" and self.method.channels_last_on_cpu
        self.layout = torch.channels_last if self.precision.tensor_cores or on_cpu else torch.contiguous_format
        for side in (self.method, self.terms, *([self.average.module] if self.average else [])):
            side.to(memory_format=self.layout)
        self.networks = own_parameters(self.method, self.by_name.values())
        self.compiled = compile_networks(built, device, say)
        self.one_pass = {name for name, term in self.by_name.items() if self.accumulate == 1 and _serves_both(term)}
        self.cuda_graphs = CudaGraphs.made(self, built.recipe.train.graphs, say)

    @property
    def words(self) -> str:
        """`bf16, compiled, as CUDA graphs`."""
        parts = [self.precision.name, "compiled" if self.compiled else "", "as CUDA graphs" if self.cuda_graphs else ""]
        return ", ".join(part for part in parts if part)

    @property
    def phase(self) -> Hashable:
        """A value that is equal for iterations in which this executor does the same work, apart from its timed parts.
        None if the iteration can't be recorded."""
        if self.shares_gradient:
            return None
        decay = self.average.decay_at(self.clock.iteration) if self.average else None
        settings = tuple(player.phase for player in self.players.values())
        return tuple(self.weights.items()), tuple(self.learning), settings, decay

    def play(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        self.begin(iteration)
        if self.shares_gradient and self.compiled:  # graphs that are gone through several times
            with torch.compiler.set_stance("force_eager"), self.precision.settings():
                return self.steps(batches)
        with self.precision.settings():
            return self.cuda_graphs.play(batches) if self.cuda_graphs else self.steps(batches)

    def steps(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """All steps of the iteration that has begun."""
        losses: dict[str, Tensor] = {}
        for group, players in self.groups(batches):
            losses |= self.steps_on(group, players)
        if self.average:
            self.average.update(self.clock.iteration)
        return losses

    def steps_on(self, group: Sequence[Batch], players: list[Player]) -> dict[str, Tensor]:
        """The steps on one group of batches."""
        losses: dict[str, Tensor] = {}
        seen: list[Tensors] | None = None  # the tensors, without their graph
        known: dict[str, Tensor] = {}
        made: Iterable[Tensors] = (self.forward(batch, players) for batch in group)
        generates = any(player.name == GENERATOR for player in players)
        for place, player in enumerate(players):
            if player.name == GENERATOR:
                later = {name for other in players[place + 1 :] for name in self.learnt_by(other)}
                values, without_graph, known = self.generator_step(player, made, self.one_pass & later)
                losses |= values
                seen = seen or without_graph
                continue
            if seen is None and generates and self.accumulate == 1:
                made = list(made)  # the generator's step uses them too
                seen = [detached(tensors) for tensors in made]
            elif seen is None:  # without graphs, since those of several batches may not fit into memory
                seen = self.without_graph(group, players)
            losses |= self.discriminator_step(player, seen, known)
        return losses

    def generator_step(
        self, player: Player, several: Iterable[Tensors], joint: Iterable[str] = ()
    ) -> tuple[dict[str, Tensor], list[Tensors], dict[str, Tensor]]:
        """The generator's step. Gives the losses; the tensors without their graph; the discriminators' losses.

        joint: the terms whose discriminator's loss comes from the same pass.
        """
        losses: dict[str, Tensor] = {}
        known: dict[str, Tensor] = {}
        made: list[Tensors] = []
        names = self.minimised_by(player)
        mine = [parameter for name in names for parameter in self.by_name[name].parameters_of(player.name)]
        for tensors in several:
            split = SplitBackward(tensors, player.scale, mine)
            with self.precision.autocast():
                values = {name: self._value(name, split.seen, known if name in joint else None) for name in names}
            keep = bool(known) or self.shares_gradient
            gradients = split.weighed(values, self.weighting, self.place(tensors), keep)
            if self.shares_gradient:
                self.gradient_shares = split.gradient_shares(values, self.weighting.latest, self.networks)
            self.add(losses, values)
            del values  # and with them the losses' graphs, before the method's is gone through
            split.backward(gradients, 1 / self.accumulate, self.networks)
            made.append(detached(tensors))
        if names:
            self._finish(player, names)
        return losses, made, known

    def discriminator_step(
        self, player: Player, several: Iterable[Tensors], known: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The step of the discriminator or of a further player. known: discriminators' losses that are computed."""
        losses: dict[str, Tensor] = {}
        minimised, learnt = self.minimised_by(player), self.learnt_by(player)
        if not minimised and not learnt:
            return losses
        for tensors in several:
            with self.precision.autocast():
                values = {name: self.loss(name, tensors) for name in minimised}
                weighted = [self.weights[name] * value for name, value in values.items()]
                halves = {
                    f"{name}.discriminator": known[name] if name in known else self.discriminator_loss(name, tensors)
                    for name in learnt
                }
            total = torch.stack([*weighted, *halves.values()]).sum()
            if total.requires_grad:
                player.backward([player.scale * total / self.accumulate])
            self.add(losses, values | halves)
        self._finish(player, [*minimised, *learnt])
        return losses

    def forward(self, batch: Batch, players: Sequence[Player]) -> Tensors:
        """As `Executor.forward`, in the memory layout with which the device is fastest."""
        laid_out = {
            name: tensor.contiguous(memory_format=self.layout) if tensor.ndim == 4 else tensor
            for name, tensor in batch.items()
        }
        return super().forward(laid_out, players)

    def without_graph(self, group: Iterable[Batch], players: Sequence[Player]) -> list[Tensors]:
        """The tensors of a group, made without a graph, for a group on which the generator takes no step."""
        with torch.no_grad():
            return [self.forward(batch, players) for batch in group]

    def _value(self, name: str, tensors: Tensors, known: dict[str, Tensor] | None) -> Tensor:
        """A term's loss. With `known`, one pass computes the discriminator's loss too, which is put into `known`."""
        term = self.by_name[name]
        if known is None:
            return self.loss(name, tensors)
        fake, real = (tensors[each] for each in term.between)
        given = {key: tensors[each] for key, each in term.given.items()}
        with naming(name):
            value, half = both(term.loss, fake, real, **given)  # type: ignore[arg-type]
        known[name] = term.discriminator_weight * half
        return value

    def _finish(self, player: Player, names: Iterable[str]) -> None:
        player.step()
        for name in dict.fromkeys(names):
            self.by_name[name].after_step(player.name)


def detached(tensors: Tensors) -> Tensors:
    """The tensors without their graph."""
    return {name: tensor.detach() for name, tensor in tensors.items()}


def _serves_both(term: Term) -> bool:
    """Whether one pass of the discriminator can compute both of a term's losses."""
    return isinstance(term.loss, AdversarialLoss) and one_pass(term.loss)
