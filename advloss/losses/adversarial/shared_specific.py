"""A discriminator of shared and of domain-specific features: it is to be uncertain of the former alone."""

from typing import Annotated

import torch
from torch import Tensor, nn

from advloss.core.parts import Part
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import ObjectiveOption
from advloss.losses.adversarial.objectives.functions import minimax_discriminator


class SharedSpecific(nn.Module):
    """A symmetric adversarial loss on shared features, with a discriminator that must also know specific features.

    The features of an item are two vectors of one length: the shared one should not tell its domain, the specific one
    should. One discriminator sees both kinds. On the shared ones it plays the objective's symmetric game. On the
    specific ones it and the generator minimise its cross-entropy together; so a discriminator that gives the same logit
    everywhere, which is a degenerate solution of the objective `entropy`, minimises nothing any more.

    fake, real: float [B, F], the shared features of two domains. specific_fake, specific_real: [B, F], their specific
    features. Scalars, in float32 at least; the gradient of `forward` reaches all four, and that of `discriminator_loss`
    the discriminator alone.

    discriminator: any module from vectors to a tensor of logits, without a sigmoid. objective: of the game on the
    shared features.
    """

    def __init__(
        self,
        discriminator: Annotated[nn.Module, Part("discriminator")],
        objective: ObjectiveOption = "hybrid_entropy",
    ) -> None:
        super().__init__()
        self.shared = AdversarialLoss(discriminator, objective, symmetric=True)

    @property
    def discriminator(self) -> nn.Module:
        """The discriminator of both kinds of features."""
        return self.shared.discriminator

    def forward(self, fake: Tensor, real: Tensor, *, specific_fake: Tensor, specific_real: Tensor) -> Tensor:
        parameters = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        logits = [
            torch.func.functional_call(self.discriminator, parameters, (x,)) for x in (specific_fake, specific_real)
        ]
        shared: Tensor = self.shared(fake, real)
        return shared + minimax_discriminator(*logits)

    def discriminator_loss(self, fake: Tensor, real: Tensor, *, specific_fake: Tensor, specific_real: Tensor) -> Tensor:
        """The discriminator's loss: the objective's on the shared features, and the cross-entropy on the others."""
        logits = [self.discriminator(x.detach()) for x in (specific_fake, specific_real)]
        return self.shared.discriminator_loss(fake, real) + minimax_discriminator(*logits)
