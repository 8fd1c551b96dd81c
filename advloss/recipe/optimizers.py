"""Optimizers by name: PyTorch's own, with the parameters that a recipe may set."""

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
    return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def adamw(
    parameters: Parameters,
    lr: Rate = 2e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: Rate = 1e-8,
    weight_decay: Decay = 0.01,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay: Loshchilov, Hutter 2019."""
    return torch.optim.AdamW(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def rmsprop(
    parameters: Parameters, lr: Rate = 5e-5, alpha: Beta = 0.99, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Hinton's lecture 6e; lr defaults to that of the Wasserstein GAN (Arjovsky et al. 2017)."""
    return torch.optim.RMSprop(parameters, lr=lr, alpha=alpha, weight_decay=weight_decay)


def sgd(
    parameters: Parameters, lr: Rate = 0.01, momentum: Beta = 0.0, weight_decay: Decay = 0.0
) -> torch.optim.Optimizer:
    """Stochastic gradient descent, with momentum."""
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)


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
