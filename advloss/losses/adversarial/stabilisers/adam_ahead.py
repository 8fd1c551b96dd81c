"""The steps that an Adam would take next, as functions that a gradient goes through."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError


def check_adam(optimizer: torch.optim.Optimizer) -> None:
    """Raises InputError for anything but torch's Adam without its further options."""
    if not isinstance(optimizer, torch.optim.Adam):
        raise InputError(
            f"unroll without a rate looks Adam's steps ahead, and the discriminator's optimizer is "
            f"{type(optimizer).__name__}; set unroll's rate, or take adam"
        )
    for group in optimizer.param_groups:
        if other := [name for name in ("weight_decay", "amsgrad", "maximize") if group[name]]:
            raise InputError(
                f"unroll without a rate looks plain Adam's steps ahead; leave out {other[0]}, or set a rate"
            )


class AdamAhead:
    """Adam's next steps, from the state that an optimizer is in, which stays as it is.

    Kingma, Ba 2015, arXiv:1412.6980, algorithm 1. Its averages are part of the steps: the gradient goes through them
    too, as in the code of Metz et al. 2017, arXiv:1611.02163.

    optimizer: see `check_adam`. parameters: those of it that move. Raises InputError for one that it does not have.
    """

    def __init__(self, optimizer: torch.optim.Adam, parameters: Sequence[nn.Parameter]) -> None:
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        if not all(id(parameter) in groups for parameter in parameters):
            raise InputError("unroll: this optimizer is of other parameters than the discriminator's")
        self.groups: list[dict[str, Any]] = [groups[id(parameter)] for parameter in parameters]
        states = [optimizer.state.get(parameter) or _start(parameter) for parameter in parameters]
        self.counts = [_count(state["step"]) for state in states]
        self.means: list[Tensor] = [state["exp_avg"] for state in states]
        self.squares: list[Tensor] = [state["exp_avg_sq"] for state in states]

    def __call__(self, values: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """The parameters' values after one more step along these gradients."""
        return [self._one(n, value, gradients[n]) for n, value in enumerate(values)]

    def _one(self, n: int, value: Tensor, gradient: Tensor) -> Tensor:
        group = self.groups[n]
        first, second = group["betas"]
        self.counts[n] = self.counts[n] + 1
        self.means[n] = self.means[n].lerp(gradient, 1 - first)
        self.squares[n] = self.squares[n].lerp(gradient.square(), 1 - second)
        square = self.squares[n] / (1 - second ** self.counts[n])
        least = torch.finfo(square.dtype).tiny  # the root has no finite slope at 0
        rate = group["lr"] / (1 - first ** self.counts[n])
        return value - rate * (self.means[n] / (square.clamp_min(least).sqrt() + group["eps"]))


def _count(steps: Tensor | int) -> Tensor | float:
    """The steps taken; a number where reading them does not wait for a GPU."""
    return steps if isinstance(steps, Tensor) and steps.device.type != "cpu" else float(steps)


def _start(parameter: Tensor) -> dict[str, Any]:
    """The state before the first step."""
    zeros = torch.zeros_like(parameter)
    return {"step": 0, "exp_avg": zeros, "exp_avg_sq": zeros}
