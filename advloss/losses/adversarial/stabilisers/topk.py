"""Top-k training: the generator learns from its best fakes only."""

import math
from typing import Annotated

import torch
from torch import Tensor

from advloss.core.clock import Schedule, TimedModule, WithinLimits
from advloss.core.limits import Limits, check_limits


class TopK(TimedModule):
    """Of n fake logits the generator's loss takes the k = ceil(fraction * n) best ones, the highest.

    Sinha et al. 2020, arXiv:2002.06224, section 3, where k shrinks geometrically from all to a fraction of 0.5 or 0.75:
    `Schedule(1, 0.5, over=10000, shape="exponential")`. A logit counts as a sample of its own, as in a patch
    discriminator's mean; with one logit an image that is the paper's selection of images. A relativistic objective
    gets the real logits of the same places.

    fraction: of the logits, in (0, 1], or a schedule. In eval mode all are taken.
    torch.compile would compile the generator's step anew for each k: compile it without a schedule only.
    """

    def __init__(self, fraction: Annotated[float | Schedule, WithinLimits(Limits(gt=0, le=1))] = 0.5) -> None:
        super().__init__()
        check_limits(self, fraction=fraction)
        self.fraction = fraction

    def forward(
        self, fake: list[Tensor], real: list[Tensor] | None = None, lowest: bool = False
    ) -> tuple[list[Tensor], list[Tensor] | None]:
        """fake, real: logits of any shape, one tensor a scale. Returns the best [k] of each scale, and the real ones
        of the same places. lowest: the best are the lowest (energies)."""
        if not self.training:
            return fake, real
        fraction = self.now(self.fraction)
        if self.changes:  # else it compiles to one graph
            self.clock.tick(self)
        places = [self._places(scale, fraction, lowest) for scale in fake]
        return _at(fake, places), None if real is None else _at(real, places)

    def _places(self, logits: Tensor, fraction: float, lowest: bool) -> Tensor:
        k = math.ceil(fraction * logits.numel() - 1e-9)  # 0.7 * 10 is 7.000000000000001
        return torch.topk(logits.detach().flatten(), k, largest=not lowest, sorted=False).indices

    def extra_repr(self) -> str:
        return f"fraction={self.fraction}"


def _at(logits: list[Tensor], places: list[Tensor]) -> list[Tensor]:
    return [scale.flatten()[place] for scale, place in zip(logits, places, strict=True)]
