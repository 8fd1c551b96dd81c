"""Top-k training: the generator learns from its best fakes only."""

import math
from collections.abc import Hashable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from advloss.core.counting import Counting
from advloss.core.errors import InputError


class TopK(nn.Module, Counting):
    """Of n fake logits the generator's loss takes the k = ceil(share * n) best ones, the highest.

    Sinha et al. 2020, arXiv:2002.06224, section 3, with k annealed linearly (the paper: geometrically) from all to
    `fraction`: share = 1 - (1 - fraction) * min(1, turns / over). A logit counts as a sample of its own, as in a patch
    discriminator's mean; with one logit an image that is the paper's selection of images. A relativistic objective
    gets the real logits of the same places.

    fraction: of the logits, in (0, 1], in the end (the paper: 0.5 for large batches, 0.75). over: in generator's turns,
    until it is reached; 0 for at once. In eval mode all are taken.

    The turns so far are an int, so that k is known without waiting for the device, and a tensor in the state dict.
    While it is annealed torch.compile would compile the turn anew each time: compile it with over=0 only.
    """

    def __init__(
        self, fraction: Annotated[float, Field(gt=0, le=1)] = 0.5, over: Annotated[int, Field(ge=0)] = 0
    ) -> None:
        super().__init__()
        if not 0 < fraction <= 1:
            raise InputError(f"TopK: fraction={fraction}; it is above 0 and at most 1")
        if over < 0:
            raise InputError(f"TopK: over={over}; it is a number of turns, at least 0")
        self.fraction = fraction
        self.over = over

    def phase(self, calls: int) -> Hashable:
        """While it is annealed, k is another in each turn."""
        return 0 if self.calls >= self.over else None

    def forward(
        self, fake: list[Tensor], real: list[Tensor] | None = None, lowest: bool = False
    ) -> tuple[list[Tensor], list[Tensor] | None]:
        """fake, real: logits of any shape, one tensor a scale. Returns the best [k] of each scale, and the real ones
        of the same places. lowest: the best are the lowest (energies)."""
        if not self.training:
            return fake, real
        share = 1 - (1 - self.fraction) * (min(1, self.calls / self.over) if self.over else 1)
        self.calls = min(self.calls + 1, self.over)  # it stops there, so that a compiled turn need not look again
        places = [self._places(scale, share, lowest) for scale in fake]
        return _at(fake, places), None if real is None else _at(real, places)

    def _places(self, logits: Tensor, share: float, lowest: bool) -> Tensor:
        k = math.ceil(share * logits.numel() - 1e-9)  # 0.7 * 10 is 7.000000000000001
        return torch.topk(logits.detach().flatten(), k, largest=not lowest, sorted=False).indices

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.calls)

    def set_extra_state(self, state: Tensor) -> None:
        self.calls = int(state)

    def extra_repr(self) -> str:
        return f"fraction={self.fraction}, over={self.over}"


def _at(logits: list[Tensor], places: list[Tensor]) -> list[Tensor]:
    return [scale.flatten()[place] for scale, place in zip(logits, places, strict=True)]
