"""Both losses of an adversary from one pass of the fakes, where the discriminator does not change between them."""

from torch import Tensor, nn

from advloss.losses.adversarial.loss import AdversarialLoss


def one_pass(loss: nn.Module) -> bool:
    """Whether `both` can serve for this loss."""
    return isinstance(loss, AdversarialLoss) and loss.one_pass


def both(loss: AdversarialLoss, fake: Tensor, real: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The generator's loss and the discriminator's: `forward` and `discriminator_loss`, which share a graph."""
    return loss.both_turns(fake, real, given=given)
