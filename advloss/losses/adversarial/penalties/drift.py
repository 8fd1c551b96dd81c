"""The drift penalty, which keeps a critic's values from wandering off."""

from torch import Tensor, stack

from advloss.losses.adversarial.penalties.base import LogitPenalty, Weight


class Drift(LogitPenalty):
    """weight * E real^2 of the logits: Karras et al. 2018, arXiv:1710.10196, appendix A.1 (weight 0.001).

    A Wasserstein critic's loss does not change where a number is added to all of its logits. This holds them near 0.
    Scales have the mean of their penalties.
    """

    def __init__(self, weight: Weight = 0.001) -> None:
        super().__init__(weight)

    def value(self, fake: list[Tensor], real: list[Tensor]) -> Tensor:
        return stack([scale.square().mean() for scale in real]).mean()
