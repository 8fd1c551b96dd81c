"""What a loss asks of the tensors that it is given, checked so that a mistake stops with a sentence about it."""

from collections.abc import Hashable

import torch
from torch import Tensor

from advloss.core.clock import Clock, Timed
from advloss.core.errors import InputError

LIMIT = 1.5
SHARE = 0.01
"""Images are in [-1, 1]. A network without a tanh leaves that a little, here and there; [0, 255] leaves it by far."""


def check_batch(x: Tensor, name: str) -> None:
    """Raises InputError unless `x` is a floating-point tensor with something in it."""
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

    Fewer are a network's that nothing limits, which overshoots at sharp edges. Waits for the device.
    """
    x = x.detach()
    low, high, outside = torch.stack([*torch.aminmax(x), (x.abs() > LIMIT).to(x.dtype).mean()]).tolist()
    if outside >= SHARE:
        raise InputError(f"{name} has values from {low:g} to {high:g}; images are in [-1, 1] here")


class InputCheck(Timed):
    """Checks the images that a loss module is called with: type and shapes at each call, values in its first three
    iterations.

    A look at the values waits for the device, so only the first iterations have it, and none under torch.compile or on
    the meta device. The mistake that it is for, another range, shows in the first batch. Used alone, a call is an
    iteration.
    """

    def __init__(self, iterations: int = 3) -> None:
        self.clock = Clock(keeper=self)
        self.iterations = iterations
        self.end: int | None = None  # the iteration before which it looks, known from the first call on

    def phase(self, iteration: int) -> Hashable:
        """A look is for Python."""
        return None if self._looks(iteration) else 0

    def _looks(self, iteration: int) -> bool:
        return self.iterations > 0 and (self.end is None or iteration < self.end)

    def __call__(self, **images: Tensor) -> None:
        """images: the tensors by the names that the message calls them; of one shape."""
        (first, x), *others = images.items()
        for name, image in images.items():
            check_batch(image, name)
        for name, image in others:
            check_same_shape(x, image, (first, name))
        if torch.compiler.is_compiling() or x.is_meta or not self._looks(self.clock.iteration):
            return
        if self.end is None:
            self.end = self.clock.iteration + self.iterations
        self.clock.tick(self)
        for name, image in images.items():
            check_range(image, name)
