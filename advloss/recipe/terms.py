"""A recipe's terms at work: a loss between named tensors, with its weight."""

from collections.abc import Mapping
from contextlib import nullcontext

from torch import Tensor, nn

from advloss.core.precision import full_precision
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.one_pass import both

Tensors = Mapping[str, Tensor]


class Term(nn.Module):
    """A loss between named tensors, in float32 at least whatever the autocast; one with `own_precision` sees to it.

    between: one or two names; weight: its factor in the generator's sum; start: the iteration (from 0) that it
    counts from;
    ramp: the number of iterations in which its weight then grows to the whole, linearly.
    """

    def __init__(self, loss: nn.Module, between: list[str], weight: float = 1.0, start: int = 0, ramp: int = 0) -> None:
        super().__init__()
        self.loss = loss
        self.between = between
        self.weight = weight
        self.start = start
        self.ramp = ramp

    @property
    def needs(self) -> set[str]:
        """The tensors that this term names."""
        return set(self.between)

    def weight_at(self, iteration: int) -> float:
        """The weight in iteration number `iteration` (from 0); 0 before `start`, and then the term is not computed."""
        if iteration < self.start:
            return 0.0
        return self.weight * min(1.0, (iteration - self.start + 1) / self.ramp) if self.ramp else self.weight

    def forward(self, tensors: Tensors) -> Tensor:
        images = [tensors[name] for name in self.between]
        with nullcontext() if getattr(self.loss, "own_precision", False) else full_precision(images[0]):
            value: Tensor = self.loss(*images)
        return value


class AdversarialTerm(Term):
    """An adversary between a generated and a real tensor, given a condition.

    discriminator_weight: the factor of the discriminator's own loss (0.5 where a paper halves it);
    discriminator_start: the iteration that the discriminator learns from, which may be before its loss counts; its own
    `start` if None.
    """

    loss: AdversarialLoss

    def __init__(
        self,
        loss: AdversarialLoss,
        between: list[str],
        *,
        given: str | None = None,
        discriminator_weight: float = 1.0,
        discriminator_start: int | None = None,
        **schedule: float,
    ) -> None:
        super().__init__(loss, between, **schedule)  # type: ignore[arg-type]
        self.given = given
        self.discriminator_weight = discriminator_weight
        self.discriminator_start = self.start if discriminator_start is None else discriminator_start

    @property
    def needs(self) -> set[str]:
        return {*self.between} | ({self.given} if self.given else set())

    def _inputs(self, tensors: Tensors) -> tuple[Tensor, Tensor, Tensor | None]:
        fake, real = (tensors[name] for name in self.between)
        return fake, real, tensors[self.given] if self.given else None

    def forward(self, tensors: Tensors) -> Tensor:
        fake, real, given = self._inputs(tensors)
        value: Tensor = self.loss(fake, real, given=given)
        return value

    def both(self, tensors: Tensors) -> tuple[Tensor, Tensor]:
        """`forward` and `discriminator_loss` from one pass, where `one_pass(loss)` allows it."""
        fake, real, given = self._inputs(tensors)
        value, discriminator = both(self.loss, fake, real, given)
        return value, self.discriminator_weight * discriminator

    def discriminator_loss(self, tensors: Tensors) -> Tensor:
        """The discriminator's loss on the same tensors, times `discriminator_weight`."""
        fake, real, given = self._inputs(tensors)
        return self.discriminator_weight * self.loss.discriminator_loss(fake, real, given=given)
