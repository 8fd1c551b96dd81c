"""Unrolling: the generator plays against the discriminator of some steps later."""

from collections.abc import Callable, Sequence
from typing import Annotated, cast

import torch
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.errors import InputError
from advloss.core.limits import above, at_least, check_limits
from advloss.core.precision import full_precision
from advloss.losses.adversarial.stabilisers.adam_ahead import AdamAhead, check_adam

Parameters = dict[str, Tensor]
"""A module's parameters by name."""
Call = Callable[..., object]
"""A call of the discriminator: images [B, C, ...], and labels if it takes them -> logits."""

Step = Callable[[Sequence[Tensor], Sequence[Tensor]], list[Tensor]]


class Unroll(nn.Module):
    """The discriminator's parameters after some gradient steps on its own loss, from where they are now.

    Metz et al. 2017, arXiv:1611.02163, eq. 6 to 8: theta[i + 1] = theta[i] - rate * d L_D(theta[i]) / d theta[i], on
    the generator's own batch. The generator's loss is then that against theta[steps], and nothing else moves.

    steps: how many, at least 1. rate: of these steps, above 0, which are plain gradient steps, as in the paper's eq. 8.
        None: they are those that the discriminator's own Adam would take, from the state it is in, as in the authors'
        code; see `AdamAhead`. The loss is told this optimizer by `learns_by`, in a training by the executor.
    through: the generator's gradient goes through the steps too, eq. 9's second part: how the discriminator would
        react. Each step then keeps its graph, which takes the memory and the time of one more pass. If false, the
        later discriminator is only looked at: the first part alone.
    Buffers, such as statistics of batch norm, are those of before after the steps. In several processes each step takes
    the mean gradient of all. Like a penalty it computes in float32 at least, and with torch.compile off.
    """

    def __init__(
        self,
        steps: Annotated[int, at_least(1)] = 5,
        rate: Annotated[float, above(0)] | None = 0.1,
        through: bool = True,
    ) -> None:
        super().__init__()
        check_limits(self, steps=steps, rate=rate)
        self.steps, self.rate, self.through = steps, rate, through
        self.optimizer: torch.optim.Adam | None = None

    def learns_by(self, optimizer: torch.optim.Optimizer) -> None:
        """Says which optimizer the discriminator has; read if there is no rate. Raises InputError unless it is Adam."""
        if self.rate is None:
            check_adam(optimizer)
            self.optimizer = cast(torch.optim.Adam, optimizer)

    def forward(self, discriminator: nn.Module, loss: Callable[[Call], Tensor], like: Tensor) -> Parameters:
        """All parameters of the discriminator by name, those that it learns after the steps.

        loss: the discriminator's, a scalar, if it is called in this way. like: the fakes, for their dtype and device.
        """
        return torch.compiler.disable(self._eager)(discriminator, loss, like)

    def _eager(self, discriminator: nn.Module, loss: Callable[[Call], Tensor], like: Tensor) -> Parameters:
        through = self.through and torch.is_grad_enabled()
        now = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
        moved = {n: now[n].requires_grad_() for n, each in discriminator.named_parameters() if each.requires_grad}
        buffers = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
        if not moved:
            raise InputError("unroll: no parameter of the discriminator learns, so there are no steps to look ahead")
        step = self._step(discriminator, like)
        for _ in range(self.steps):
            state = now | moved | buffers

            def call(*seen: Tensor, state: Parameters = state) -> object:
                return torch.func.functional_call(discriminator, state, seen)

            with torch.compiler.set_stance("force_eager"), torch.enable_grad(), full_precision(like):
                gradients = self._gradients(loss(call), [*moved.values()], through)
                later = step([*moved.values()], gradients)
            moved = dict(zip(moved, later if through else [x.detach().requires_grad_() for x in later], strict=True))
        return now | (moved if through else {name: parameter.detach() for name, parameter in moved.items()})

    def _step(self, discriminator: nn.Module, like: Tensor) -> Step:
        """From the parameters that move and their gradients to their values after one step."""
        if self.rate is not None or like.is_meta:  # without numbers all steps are the same
            rate = self.rate or 1.0
            return lambda values, gradients: [old - rate * each for old, each in zip(values, gradients, strict=True)]
        if self.optimizer is None:
            raise InputError("unroll without a rate: say the discriminator's optimizer first, adv.learns_by(optimizer)")
        return AdamAhead(self.optimizer, [each for each in discriminator.parameters() if each.requires_grad])

    def _gradients(self, loss: Tensor, parameters: list[Tensor], through: bool) -> list[Tensor]:
        """The mean over the processes of the loss's gradient."""
        found = torch.autograd.grad(loss, parameters, create_graph=through, allow_unused=True, materialize_grads=True)
        if distributed.world_size() == 1:
            return list(found)
        mean = distributed.average_through(torch.cat([gradient.flatten() for gradient in found]))
        parts = mean.split([gradient.numel() for gradient in found])
        return [part.view_as(gradient) for part, gradient in zip(parts, found, strict=True)]

    def extra_repr(self) -> str:
        return f"steps={self.steps}, rate={self.rate}, through={self.through}"
