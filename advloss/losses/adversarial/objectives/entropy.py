"""Objectives of an uncertain discriminator: the entropy of what it says is to be large. For symmetric games.

D is the discriminator, a logit is D(x), p = sigmoid(logit) is the probability that it gives to `real`.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.objectives.classes import Minimax, Objective


def negative_entropy(logits: Tensor) -> Tensor:
    """E [p log p + (1 - p) log(1 - p)] = E [p logit - softplus(logit)], in nats: from -log 2, for p = 1/2, to 0.

    logits: any shape -> a scalar, in float32 at least. It is even: a logit and its negative have the same entropy. Its
    gradient is p (1 - p) logit, which vanishes where the logit is 0, and where the discriminator is sure.
    """
    logits = at_least_float32(logits)
    return (logits.sigmoid() * logits - softplus(logits)).mean()


@dataclass(frozen=True)
class Entropy(Objective):
    """Both players minimise the negative entropy; see `negative_entropy`.

    It is no game of opponents, and it has degenerate solutions: a discriminator that always gives the logit 0 minimises
    the losses of both players, whatever the features are. Here for comparison with `HybridEntropy` and `Minimax`.
    """

    reads_level: ClassVar[bool] = True

    @property
    def boundary(self) -> float | None:
        return 0.0

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return negative_entropy(fake) + negative_entropy(real)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return negative_entropy(fake)


@dataclass(frozen=True)
class HybridEntropy(Minimax):
    """The discriminator minimises minimax's cross-entropy, the generator the negative entropy; see `negative_entropy`.

    The generator wants an uncertain discriminator, and not, as in minimax, one that is wrong. A discriminator that
    always gives the logit 0 is no solution as long as it could tell fake from real.
    """

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return negative_entropy(fake)
