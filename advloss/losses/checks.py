"""Checks the tensors that a loss gets, and raises InputError with a sentence about each mistake."""

from collections.abc import Hashable

import torch
from torch import Tensor

from advloss.core.clock import Clock, Timed
from advloss.core.errors import InputError

LIMIT = 1.5
SHARE = 0.01
"""Images are refused if at least this fraction of their values is outside [-1.5, 1.5]. A network without a tanh has few
such values; images in [0, 255] have many."""


def check_batch(x: Tensor, name: str) -> None:
    """Raises InputError unless `x` is a floating-point tensor that is not empty."""
    if not x.is_floating_point():
        raise InputError(f"{name} has dtype {x.dtype}; images are floating point in [-1, 1]: x.float() / 127.5 - 1")
    if x.numel() == 0:
        raise InputError(f"{name} is empty: shape {tuple(x.shape)}")


def check_same_shape(x: Tensor, y: Tensor, names: tuple[str, str]) -> None:
    """Raises InputError, with both shapes, unless they are the same."""
    if x.shape != y.shape:
        raise InputError(
            f"{names[0]} has shape {tuple(x.shape)} and {names[1]} {tuple(y.shape)}; they must be the same"
        )


def check_range(x: Tensor, name: str) -> None:
    """Raises InputError if `x` is of another range than [-1, 1]: 1% of its values or more beyond 1.5.

    Fewer are allowed, since a network without a tanh overshoots at sharp edges. Waits for the device.
    """
    x = x.detach()
    low, high, outside = torch.stack([*torch.aminmax(x), (x.abs() > LIMIT).to(x.dtype).mean()]).tolist()
    if outside >= SHARE:
        raise InputError(f"{name} has values from {low:g} to {high:g}; images are in [-1, 1] here")


class InputCheck(Timed):
    """Checks the images that a loss module is called with: type and shapes at each call, values in the first iteration
    of its clock.

    A wrong range shows in the first batch. Later values beyond the range are no mistake in a call: networks that learn
    overshoot, and a training that is resumed may do what one that was not stopped may. In a training the clock is the
    training's; in a loop of a user's own, the first call is the first iteration. A check of the values waits for the
    device; there is none under torch.compile and on the meta device.
    """

    def __init__(self) -> None:
        self.clock = Clock(keeper=self)

    def phase(self, iteration: int) -> Hashable:
        """None in an iteration with a check of the values, which needs Python."""
        return None if iteration == 0 else 0

    def __call__(self, **images: Tensor) -> None:
        """images: the tensors by the names that the message calls them; of one shape."""
        (first, x), *others = images.items()
        for name, image in images.items():
            check_batch(image, name)
        for name, image in others:
            check_same_shape(x, image, (first, name))
        if torch.compiler.is_compiling() or x.is_meta or self.clock.iteration > 0:
            return
        self.clock.tick(self)
        for name, image in images.items():
            check_range(image, name)
