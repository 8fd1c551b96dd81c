"""The base classes of the discriminator's regularisers: weight, lazy form, precision, state."""

from abc import abstractmethod
from collections.abc import Hashable
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule, TimedModule, WithinLimits
from advloss.core.errors import InputError
from advloss.core.limits import at_least, check_limits
from advloss.core.precision import at_least_float32, full_precision
from advloss.losses.adversarial.logits import Critic, Logits, scales

Weight = Annotated[float | Schedule, WithinLimits(at_least(0))]
Interval = Annotated[int, at_least(1)]


class LateBuffers(TimedModule):
    """A module with buffers (`late`) that are None until the first call, which knows their shape. A state dict restores
    them."""

    late: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        for name in self.late:
            self.register_buffer(name, None)

    def move_to(self, x: Tensor) -> None:
        """Moves buffers that a state dict brought to another device to that of `x`."""
        if any(buffer.device != x.device for buffer in self.buffers()):
            self.to(x.device)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for name in self.late:
            value = state_dict.get(prefix + name)
            self.register_buffer(name, None if value is None else torch.zeros_like(value))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Penalty(LateBuffers):
    """weight * value(critic, fake, real), or its lazy form. A subclass implements `value`.

    weight: the factor in the paper's formula. Float, at least 0, or a schedule.
    interval: in iterations. The penalty is computed, times `interval`, in iterations 0, interval, 2 interval, ..., and
        is 0 in all others (Karras et al. 2020, arXiv:1912.04958, section 3.1): the same on average, for a fraction of
        the time. In eval mode each call computes it.

    `value` runs outside autocast, on images in float32 at least, and with torch.compile off, since a penalty
    differentiates twice and compiled modules can't. It also works under `no_grad`. Without an `AdversarialLoss`, each
    call in training mode is an iteration, and the state dict has their number.
    """

    on_logits: ClassVar[bool] = False
    """Whether it is called with (fake logits, real logits), as a `LogitPenalty` is."""
    per_sample: ClassVar[bool] = True
    """Whether it takes the critic's gradient at single samples; then the critic must not have batch norm."""

    def __init__(self, weight: Weight, interval: Interval = 1) -> None:
        super().__init__()
        check_limits(self, weight=weight, interval=interval)
        self.weight = weight
        self.interval = interval

    def phase(self, iteration: int) -> Hashable:
        """The scheduled numbers, and whether the penalty is due."""
        return super().phase(iteration), iteration % self.interval == 0

    @abstractmethod
    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        """The penalty without its weight: a scalar with a graph to the critic's parameters."""

    def forward(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        """critic: [B, ...] -> logits; fake, real: [B, ...] of one shape. Returns a scalar."""
        return torch.compiler.disable(self._eager)(critic, fake, real)

    def _eager(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        interval = self.interval if self.training else 1
        due = self.clock.iteration % interval == 0
        factor = self.now(self.weight) * interval
        if self.training:
            self.clock.tick(self)
        fake, real = at_least_float32(fake.detach()), at_least_float32(real.detach())
        if not due:
            return fake.new_zeros(())
        # inside this stance compiled modules run uncompiled
        with torch.compiler.set_stance("force_eager"), torch.enable_grad(), full_precision(fake):
            return factor * self.value(critic, fake, real)

    def extra_repr(self) -> str:
        return f"weight={self.weight}, interval={self.interval}"


class LogitPenalty(LateBuffers):
    """weight * value(fake logits, real logits), of the logits that the discriminator's step has already computed.

    weight: the factor in the paper's formula. Float, at least 0, or a schedule. It has no lazy form: it costs no pass.
    """

    on_logits: ClassVar[bool] = True
    per_sample: ClassVar[bool] = False

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        check_limits(self, weight=weight)
        self.weight = weight

    @abstractmethod
    def value(self, fake: list[Tensor], real: list[Tensor]) -> Tensor:
        """The penalty without its weight, of the logits in float32 at least, one tensor of any shape a scale."""

    def forward(self, fake: Logits, real: Logits) -> Tensor:
        """fake, real: a tensor of logits of any shape, or a sequence of them, one a scale. Returns a scalar."""
        fakes, reals = ([at_least_float32(scale) for scale in scales(logits)] for logits in (fake, real))
        value = self.now(self.weight) * self.value(fakes, reals)
        if self.training:
            self.clock.tick(self)
        return value

    def extra_repr(self) -> str:
        return f"weight={self.weight}"


def check_precision(critic: Critic, x: Tensor) -> None:
    """Raises InputError for a module cast to less than float32, while `x`, as every `Penalty`'s images, has that."""
    parameters = critic.parameters() if isinstance(critic, nn.Module) else ()
    dtypes = {parameter.dtype for parameter in parameters}
    if dtypes and dtypes <= {torch.float16, torch.bfloat16} and x.dtype not in dtypes:
        raise InputError(
            f"the critic's parameters are {', '.join(sorted(map(str, dtypes)))}, and a penalty is computed in float32: "
            "leave the module in float32 and run it under torch.autocast instead"
        )
