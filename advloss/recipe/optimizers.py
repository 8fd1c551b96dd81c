"""Optimizers by name: PyTorch's own, with the parameters that a recipe may set.

Each updates all parameters in few kernels (fused; RMSprop: foreach). Each can be recorded in a CUDA graph: on a GPU its
step counts and its rate are tensors on the device. If a recipe has a schedule for a rate or for betas, the optimizer
begins with the values of iteration 0, and its player sets the values of each iteration.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import torch

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.limits import Limits, above, at_least

Decay = Annotated[float, at_least(0)]
Fraction = Annotated[float, Limits(ge=0, lt=1)]
Positive = Annotated[float, above(0)]
Parameters = Iterable[torch.nn.Parameter]


class RateLimits(WithinLimits):
    """The limits of a rate: a number is above 0; a schedule may begin or end at 0."""

    def check(self, name: str, number: float | Schedule) -> None:
        """Raises InputError that names the parameter, unless all of its values are allowed."""
        limits = at_least(0) if isinstance(number, Schedule) else self.limits
        WithinLimits(limits).check(name, number)


Rate = Annotated[float | Schedule, RateLimits(above(0))]
Beta = Annotated[float | Schedule, WithinLimits(Limits(ge=0, lt=1))]


def adam(
    parameters: Parameters,
    lr: Rate = 2e-4,
    betas: tuple[Beta, Beta] = (0.5, 0.999),
    eps: Positive = 1e-8,
    weight_decay: Decay = 0.0,
) -> torch.optim.Optimizer:
    """Kingma, Ba 2015; betas default to the GAN custom of Radford et al. 2016 (beta1 = 0.5)."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.Adam(ours, rate, value_at(betas, 0), eps, weight_decay, fused=True, capturable=on_gpu)


def adamw(
    parameters: Parameters,
    lr: Rate = 2e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: Positive = 1e-8,
    weight_decay: Decay = 0.01,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay: Loshchilov, Hutter 2019."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.AdamW(ours, rate, value_at(betas, 0), eps, weight_decay, fused=True, capturable=on_gpu)


def rmsprop(
    parameters: Parameters, lr: Rate = 5e-5, alpha: Fraction = 0.99, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Hinton's lecture 6e; lr defaults to that of the Wasserstein GAN (Arjovsky et al. 2017)."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.RMSprop(ours, rate, alpha, weight_decay=weight_decay, foreach=True, capturable=on_gpu)


def sgd(
    parameters: Parameters, lr: Rate = 0.01, momentum: Fraction = 0.0, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Stochastic gradient descent, with momentum."""
    ours, rate, _ = _placed(parameters, lr)
    return torch.optim.SGD(ours, rate, momentum, weight_decay=weight_decay, fused=True)


def _placed(
    parameters: Parameters, lr: float | Schedule
) -> tuple[list[torch.nn.Parameter], float | torch.Tensor, bool]:
    """The parameters; the rate, on a GPU as a tensor; and whether the parameters are on a GPU."""
    ours = list(parameters)
    on_gpu = bool(ours) and ours[0].device.type == "cuda"
    first = float(value_at(lr, 0))
    return ours, torch.tensor(first, device=ours[0].device) if on_gpu else first, on_gpu


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sgd": sgd,
}


def settings_of(player: str, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A player's settings: those for all players, replaced by those under the player's name.

    name: of the optimizer. parameters: as the recipe has them, `{lr: 2e-4, discriminator: {lr: 4e-4}}`.
    """
    known = inspect.signature(OPTIMIZERS[name]).parameters
    common = {key: value for key, value in parameters.items() if key in known}
    return {**common, **(parameters.get(player) or {})}


def value_at(setting: Any, iteration: int) -> Any:
    """A setting's value in an iteration (from 0)."""
    if isinstance(setting, tuple | list):
        return tuple(value_at(each, iteration) for each in setting)
    return setting.at(iteration) if isinstance(setting, Schedule) else setting
