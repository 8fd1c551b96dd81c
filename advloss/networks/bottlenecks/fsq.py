"""Finite scalar quantisation: each channel rounded to a few levels, with no codebook to learn."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.limits import Converted, at_least
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, straight_through
from advloss.networks.layers.parameters import Positive, as_full_list

Level = Annotated[int, at_least(2)]
Levels = Annotated[Sequence[Level], Converted(as_full_list)]
RECOMMENDED = {
    240: [8, 6, 5],
    1000: [8, 5, 5, 5],
    4375: [7, 5, 5, 5, 5],
    15360: [8, 8, 8, 6, 5],
    64000: [8, 8, 8, 5, 5, 5],
}
"""The paper's levels (table 1, for 2^8, 2^10, 2^12, 2^14 and 2^16 codes) by their product."""
SLACK = 1e-3


class FSQ(Bottleneck):
    """Mentzer et al. 2023, arXiv:2309.15505, sec. 3 and appendix A.1. No losses.

    latent: [B, channels, h, w], one channel a level L: bounded by a tanh to L values around 0, rounded, and divided by
    floor(L / 2), which gives [-1, 1]. The gradient is that of the bounding alone.
    Index: sum of (level of channel i) * (product of the levels before i), from 0 to the product of all levels less 1.

    levels: for each channel, at least 2; 5 and more are recommended. codes: the product of the levels; channels: their
    number. Both follow from the levels; what is given is checked.
    Raises InputError for levels that don't make that size or number of channels.
    """

    codes: int
    levels: Tensor  # [D]
    steps: Tensor  # product of the levels before each: [D]

    def __init__(
        self, levels: Levels = (8, 5, 5, 5), codes: Positive | None = None, channels: Positive | None = None
    ) -> None:
        levels = list(levels)
        if not levels or min(levels) < 2:
            raise InputError(f"FSQ: levels={levels}; each channel needs at least 2")
        size = math.prod(levels)
        if codes not in (None, size):
            raise InputError(f"FSQ: levels={levels} make {size} codes, not codes={codes}{_hint(codes)}")
        if channels not in (None, len(levels)):
            raise InputError(f"FSQ: levels={levels} take {len(levels)} channels, not channels={channels}")
        if size > 2**31:
            raise InputError(f"FSQ: levels={levels} make {size} codes; at most 2^31 can be counted")
        super().__init__(len(levels), size)
        steps = [math.prod(levels[:i]) for i in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("steps", torch.tensor(steps), persistent=False)

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        bounded = self._bounded(latent)
        rounded = bounded.detach().nan_to_num().round()  # whole numbers from -floor(L / 2): [B, D, h, w]
        half = _channel(self.levels // 2)
        indices = ((rounded.long() + half) * _channel(self.steps)).sum(1)  # [B, h, w]
        return BottleneckOutput(straight_through(bounded / half, rounded / half), indices)

    def look_up(self, indices: Tensor) -> Tensor:
        level = indices[:, None] // _channel(self.steps) % _channel(self.levels)  # [B, D, h, w]
        half = _channel(self.levels // 2)
        return (level - half).float() / half

    def _bounded(self, latent: Tensor) -> Tensor:
        """Between -floor(L / 2) and ceil(L / 2) - 1, a little less than half a step beyond the ends; 0 stays near 0.

        The shift of even levels is the authors' code's: tan for atanh, which is the same to 1e-3 from 5 levels on.
        """
        half = _channel((self.levels - 1) * (1 - SLACK) / 2).to(latent.dtype)
        offset = torch.where(_channel(self.levels) % 2 == 1, 0.0, 0.5).to(latent.dtype)
        return (latent + (offset / half).tan()).tanh() * half - offset

    def extra_repr(self) -> str:
        return f"levels={self.levels.tolist()}"


def _channel(values: Tensor) -> Tensor:
    """One value a channel, for [B, D, h, w]."""
    return values.view(1, -1, 1, 1)


def _hint(codes: int | None) -> str:
    nearest = min(RECOMMENDED, key=lambda size: abs(math.log(size / (codes or 1))))
    return f"; the paper's levels nearest to that are {RECOMMENDED[nearest]}, which make {nearest}"
