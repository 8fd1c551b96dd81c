"""Optimizers by name: PyTorch's own, with the parameters that a recipe may set.

Each goes over all parameters in few passes (fused; RMSprop: foreach), and can be recorded in a CUDA graph: on a GPU its
counters and its rate, a tensor to be filled, lie on the device.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from pydantic import Field

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Parameters = Iterable[torch.nn.Parameter]


def adam(
    parameters: Parameters,
    lr: Rate = 2e-4,
    betas: tuple[Beta, Beta] = (0.5, 0.999),
    eps: Rate = 1e-8,
    weight_decay: Decay = 0.0,
) -> torch.optim.Optimizer:
    """Kingma, Ba 2015; betas default to the GAN custom of Radford et al. 2016 (beta1 = 0.5)."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.Adam(ours, rate, betas, eps, weight_decay, fused=True, capturable=on_gpu)


def adamw(
    parameters: Parameters,
    lr: Rate = 2e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: Rate = 1e-8,
    weight_decay: Decay = 0.01,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay: Loshchilov, Hutter 2019."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.AdamW(ours, rate, betas, eps, weight_decay, fused=True, capturable=on_gpu)


def rmsprop(
    parameters: Parameters, lr: Rate = 5e-5, alpha: Beta = 0.99, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Hinton's lecture 6e; lr defaults to that of the Wasserstein GAN (Arjovsky et al. 2017)."""
    ours, rate, on_gpu = _placed(parameters, lr)
    return torch.optim.RMSprop(ours, rate, alpha, weight_decay=weight_decay, foreach=True, capturable=on_gpu)


def sgd(
    parameters: Parameters, lr: Rate = 0.01, momentum: Beta = 0.0, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Stochastic gradient descent, with momentum."""
    ours, rate, _ = _placed(parameters, lr)
    return torch.optim.SGD(ours, rate, momentum, weight_decay=weight_decay, fused=True)


def _placed(parameters: Parameters, lr: float) -> tuple[list[torch.nn.Parameter], float | torch.Tensor, bool]:
    """The parameters, the rate where a step on their device reads it, and whether that is a GPU."""
    ours = list(parameters)
    on_gpu = bool(ours) and ours[0].device.type == "cuda"
    return ours, torch.tensor(lr, device=ours[0].device) if on_gpu else lr, on_gpu


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sgd": sgd,
}


def both_players(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The generator's settings and the discriminators': the same, but for what `discriminator:` changes."""
    generator = {name: value for name, value in settings.items() if name != "discriminator"}
    return generator, {**generator, **(settings.get("discriminator") or {})}
