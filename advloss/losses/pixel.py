"""Losses between the pixels of two images, which must show the same thing: L1, L2, Charbonnier.

x, y: float tensors of one shape, [B, C, H, W] in [-1, 1] or any other rank. Scalars, computed in float32 at least. The
modules raise InputError if shapes differ, a tensor is empty or of integers, or its values are far outside [-1, 1].
"""

from typing import Annotated

from torch import Tensor, nn

from advloss.core.limits import above, check_limits
from advloss.core.precision import at_least_float32
from advloss.losses.checks import InputCheck


def l1(x: Tensor, y: Tensor) -> Tensor:
    """mean |x - y|."""
    return (at_least_float32(x) - at_least_float32(y)).abs().mean()


def l2(x: Tensor, y: Tensor) -> Tensor:
    """mean (x - y)^2, with no factor of 1/2."""
    return (at_least_float32(x) - at_least_float32(y)).square().mean()


def weighted_l2(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """The mean over the images of sum(w (x - y)^2) / count, count the number of values whose weight w is not 0.

    x, y: [B, C, H, W]. weights: at least 0, [B, 1, H, W], or of as many channels. Without a weight an image counts 0.
    """
    weights = at_least_float32(weights).expand_as(x)
    error = (weights * (at_least_float32(x) - at_least_float32(y)).square()).flatten(1).sum(1)  # [B]
    return (error / (weights != 0).flatten(1).sum(1).clamp(min=1)).mean()


def charbonnier(x: Tensor, y: Tensor, eps: float = 1e-3) -> Tensor:
    """mean sqrt((x - y)^2 + eps^2), an L1 that is smooth at 0, where its value is eps.

    Charbonnier et al. 1994 (ICIP); in this form Lai et al. 2017, arXiv:1704.03915. eps in units of the pixels.
    """
    return ((at_least_float32(x) - at_least_float32(y)).square() + eps**2).sqrt().mean()


class L1(nn.Module):
    """mean |x - y|; see `l1`."""

    partners = True

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return l1(x, y)


class L2(nn.Module):
    """mean (x - y)^2; see `l2`. With weights of places: see `weighted_l2`."""

    partners = True

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    def forward(self, x: Tensor, y: Tensor, *, weights: Tensor | None = None) -> Tensor:
        self.check(x=x, y=y)
        return l2(x, y) if weights is None else weighted_l2(x, y, weights)


class Charbonnier(nn.Module):
    """mean sqrt((x - y)^2 + eps^2); see `charbonnier`."""

    partners = True

    def __init__(self, eps: Annotated[float, above(0)] = 1e-3) -> None:
        super().__init__()
        check_limits(self, eps=eps)
        self.eps = eps
        self.check = InputCheck()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return charbonnier(x, y, self.eps)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"
