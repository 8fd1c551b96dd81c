"""Networks that grow with the clock: Karras et al. 2018, arXiv:1710.10196, section 2 and figure 2."""

from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.core.clock import TimedModule
from advloss.core.errors import InputError
from advloss.core.limits import Converted, at_least, check_limits
from advloss.networks.layers.parameters import Positive, as_full_list, check_at_least

FIRST = 4
"""Pixels along a side of the first level."""
Widths = Annotated[Sequence[Positive], Converted(as_full_list)]
Iterations = Annotated[int, at_least(0)]
Returned = TypeVar("Returned")


class Growing(TimedModule):
    """Has a level for images of 4 pixels a side, 8, 16, ..., and works at the one that the clock says.

    It stays at each level for `hold` iterations, and then fades to the next one over `fade`: with alpha from 0 to 1 the
    new level's result counts alpha, the old one's 1 - alpha. Images always have the side of the last level: a smaller
    one's are enlarged to it, each pixel to a square. Both ends of a fade are continuous: at alpha = 0 the network is
    that of the level before, at 1 that of the new level.

    The iteration is in the state dict, so that a trained network is at inference what it was when it was saved, also in
    the middle of a fade. In a loop of your own set `network.clock.iteration`, or let it follow another part's clock.
    The level is no number of the compiler's: with torch.compile it runs as it is written.

    widths: channels at each level, the first one's first. Raises InputError for a number out of range.
    """

    def __init__(self, widths: Sequence[int], hold: Iterations, fade: Iterations) -> None:
        super().__init__()
        check_at_least(1, **{f"widths[{number}]": width for number, width in enumerate(widths)})
        check_limits(self, hold=hold, fade=fade)
        self.hold, self.fade = hold, fade
        self.highest = len(widths) - 1
        self.size = FIRST << self.highest

    def grown(self, iteration: int) -> float:
        """The level in an iteration (from 0): whole, or in a fade between two."""
        each = self.hold + self.fade
        done, rest = divmod(iteration, each) if each else (self.highest, 0)
        part = max(0, rest - self.hold) / self.fade if self.fade else 0.0
        return float(min(done + part, self.highest))

    def phase(self, iteration: int) -> Hashable:
        """The level."""
        return super().phase(iteration), self.grown(iteration)

    @property
    def level(self) -> tuple[int, float]:
        """The highest level that is at work now, and alpha: how much it counts, in (0, 1]."""
        grown = self.grown(self.clock.iteration)
        highest = -int(-grown // 1)
        return highest, 1.0 if grown == highest else grown % 1

    def at_level(self, image: Tensor) -> Tensor:
        """Images [B, C, size, size] without what is finer than the level, as they are shown to the discriminator: in a
        fade they are mixed like the generator's. The same shape."""
        level, alpha = self.level
        image = halved(image, self.highest - level)
        if alpha < 1:
            image = mixed(enlarged(halved(image)), image, alpha)
        return enlarged(image, self.highest - level)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}iteration"] = torch.tensor(self.clock.iteration)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        found = state_dict.get(f"{prefix}iteration", torch.tensor(0))
        if found.dtype != torch.int64 or found.numel() != 1 or int(found) < 0:
            raise InputError(f"{prefix}iteration is {found}; it is a whole number of iterations")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"hold={self.hold}, fade={self.fade}"


def enlarged(image: Tensor, times: int = 1) -> Tensor:
    """Doubled so many times: each pixel becomes a square."""
    return F.interpolate(image, scale_factor=2**times) if times else image


def halved(image: Tensor, times: int = 1) -> Tensor:
    """Halved so many times: each square's mean."""
    return F.avg_pool2d(image, 2**times) if times else image


def mixed(old: Tensor, new: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) old + alpha new."""
    return old + alpha * (new - old)


def as_written(function: Callable[..., Returned]) -> Callable[..., Returned]:
    """The function, which torch.compile leaves alone: it reads the clock, and would be compiled in each iteration."""
    return torch.compiler.disable(function) if torch.compiler.is_compiling() else function


def check_side(network: str, made: int, size: int) -> None:
    """Raises InputError where images of `size` pixels don't have as many levels as there are widths."""
    if made != size:
        raise InputError(
            f"{network}: its widths are for images of {made} x {made} pixels, and these are of {size}; give one width "
            "for each of the sizes 4, 8, 16, ..., or set data.crop"
        )
