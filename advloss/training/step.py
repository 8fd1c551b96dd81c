"""The plain executor: an iteration as the papers write it (Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1).

Steps share no computation, calls are not batched, and nothing is compiled or recorded. `fast/step.py` computes the same
in less time; a test checks that the two agree to 1e-8.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from advloss.recipe.build import Built
from advloss.recipe.terms import GENERATOR
from advloss.training.executor import Batch, Executor, Say, Tensors
from advloss.training.player import Player


class PlainStep(Executor):
    """Plays iterations in the simplest way: it calls a network for each tensor, and a loss for each player,
    separately."""

    def __init__(self, built: Built, device: torch.device, say: Say = lambda sentence: None) -> None:
        super().__init__(built, device, say)
        self.method.batches_calls = False

    def play(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        self.begin(iteration)
        losses: dict[str, Tensor] = {}
        with self.precision.settings():
            for group, players in self.groups(batches):
                with torch.set_grad_enabled(any(player.name == GENERATOR for player in players)):
                    tensors = [self.forward(batch, players) for batch in group]
                for player in players:
                    step = self.generator_step if player.name == GENERATOR else self.discriminator_step
                    losses |= step(player, tensors)
            if self.average:
                self.average.update(iteration)
        return losses

    def generator_step(self, player: Player, group: list[Tensors]) -> dict[str, Tensor]:
        """A step of the generator: the gradient goes through the tensors into the method's networks."""
        losses: dict[str, Tensor] = {}
        for tensors in group if self.minimised_by(player) else ():
            with self.precision.autocast():
                values = {name: self.loss(name, tensors) for name in self.minimised_by(player)}
                total = self.weighting(values, self.place(tensors), player.scale)
            if self.shares_gradient:
                self.gradient_shares = self.shares_of(values, player)
            if total.requires_grad:
                player.backward([player.scale * total / self.accumulate])
            self.add(losses, values)
        if losses:
            self.finish(player)
        return losses

    def discriminator_step(self, player: Player, group: list[Tensors]) -> dict[str, Tensor]:
        """A step of the discriminator or of another player: the tensors are constants."""
        losses: dict[str, Tensor] = {}
        for tensors in group:
            tensors = {name: tensor.detach() for name, tensor in tensors.items()}
            with self.precision.autocast():
                values = {name: self.loss(name, tensors) for name in self.minimised_by(player)}
                learnt = {f"{n}.discriminator": self.discriminator_loss(n, tensors) for n in self.learnt_by(player)}
            total = sum(self.weights[name] * value for name, value in values.items()) + sum(learnt.values())
            if isinstance(total, Tensor) and total.requires_grad:
                player.backward([player.scale * total / self.accumulate])
            self.add(losses, values | learnt)
        if losses:
            self.finish(player)
        return losses

    def finish(self, player: Player) -> None:
        """Takes the optimizer's step, then does what terms do after it (clip weights)."""
        player.step()
        for name in {*self.minimised_by(player), *self.learnt_by(player)}:
            self.by_name[name].after_step(player.name)

    def shares_of(self, losses: dict[str, Tensor], player: Player) -> dict[str, Tensor]:
        """Each loss's share of the gradient: the norm of its weighted gradient over the player's parameters, divided
        by the sum of these norms."""
        norms = {name: torch.zeros_like(loss, dtype=torch.float32) for name, loss in losses.items()}
        for name, loss in losses.items():
            if loss.requires_grad:
                scaled = player.scale * loss
                found = torch.autograd.grad(scaled, player.parameters, retain_graph=True, allow_unused=True)
                each = [gradient.float().norm() for gradient in found if gradient is not None]
                norms[name] = self.weighting.latest[name] * torch.stack(each).norm()
        total = torch.stack([*norms.values()]).sum()
        return {name: norm / total for name, norm in norms.items()}
