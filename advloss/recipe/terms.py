"""A recipe's terms at work: a loss between named tensors, with its weight."""

from collections.abc import Mapping

from torch import Tensor, nn

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.tensors import full_precision

Tensors = Mapping[str, Tensor]


class Term(nn.Module):
    """A loss between named tensors, computed in float32 at least whatever the autocast.

    between: one or two names; weight: its factor in the generator's sum.
    """

    def __init__(self, loss: nn.Module, between: list[str], weight: float = 1.0) -> None:
        super().__init__()
        self.loss = loss
        self.between = between
        self.weight = weight

    @property
    def needs(self) -> set[str]:
        """The tensors that this term names."""
        return set(self.between)

    def forward(self, tensors: Tensors) -> Tensor:
        images = [tensors[name] for name in self.between]
        with full_precision(images[0]):
            value: Tensor = self.loss(*images)
        return value


class AdversarialTerm(nn.Module):
    """An adversary between a generated and a real tensor, given a condition.

    discriminator_weight: the factor of the discriminator's own loss (0.5 where a paper halves it).
    """

    def __init__(
        self,
        loss: AdversarialLoss,
        between: list[str],
        given: str | None = None,
        weight: float = 1.0,
        discriminator_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.between = between
        self.given = given
        self.weight = weight
        self.discriminator_weight = discriminator_weight

    @property
    def needs(self) -> set[str]:
        """The tensors that this term names."""
        return {*self.between} | ({self.given} if self.given else set())

    def _inputs(self, tensors: Tensors) -> tuple[Tensor, Tensor, Tensor | None]:
        fake, real = (tensors[name] for name in self.between)
        return fake, real, tensors[self.given] if self.given else None

    def forward(self, tensors: Tensors) -> Tensor:
        fake, real, given = self._inputs(tensors)
        value: Tensor = self.loss(fake, real, given=given)
        return value

    def discriminator_loss(self, tensors: Tensors) -> Tensor:
        """The discriminator's loss on the same tensors, times `discriminator_weight`."""
        fake, real, given = self._inputs(tensors)
        return self.discriminator_weight * self.loss.discriminator_loss(fake, real, given=given)
