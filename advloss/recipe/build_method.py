"""A recipe's method with its networks, and a trial of it on the meta device: shapes without arithmetic."""

import copy
import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.degradations import Degradation
from advloss.methods.base import Method, NetworkFactory
from advloss.recipe import components
from advloss.recipe.schema import Component, Recipe
from advloss.recipe.signatures import arguments

CHANNELS = 3


def build_method(recipe: Recipe) -> Method:
    """The recipe's method with its networks, weights drawn from the global generator."""
    scale = int(recipe.method.parameters.get("scale", 1))
    factories = {
        name: _factory(components.NETWORKS[name], component, scale) for name, component in recipe.networks.items()
    }
    return components.METHODS[recipe.method.name](**recipe.method.parameters, **factories)


def build_degradation(recipe: Recipe, scale: int) -> Degradation | None:
    """What makes the small pictures, where the recipe says so."""
    component = recipe.data.degradation
    if component is None:
        return None
    return components.DEGRADATIONS[component.name](scale=scale, **component.parameters)


def _factory(table: Mapping[str, Callable[..., nn.Module]], component: Component, scale: int) -> NetworkFactory:
    cls = table[component.name]
    known = inspect.signature(cls).parameters
    images = {"in_channels": CHANNELS, "out_channels": CHANNELS, "scale": scale}
    images = {name: value for name, value in images.items() if name in known}
    return lambda **wired: cls(**{**images, **wired}, **arguments(cls, component.parameters))


def dry_run(method: Method, recipe: Recipe) -> dict[str, Tensor]:
    """Every tensor that a term or a metric names, on the meta device: shapes without arithmetic."""
    lines = [line for line in (*recipe.losses.values(), *recipe.metrics.values()) if line is not None]
    wanted = {name.removeprefix("partner_") for line in lines for name in line.between}
    wanted |= {given for line in lines if (given := line.parameters.get("given"))}
    wanted |= {name.removeprefix("partner_") for name in recipe.samples}
    if recipe.data.crop % method.scale:
        raise InputError(f"data.crop: {recipe.data.crop} pixels are no multiple of the scale, {method.scale}")
    sides = {"a": recipe.data.crop // method.scale, "b": recipe.data.crop}
    batch = {name: torch.empty(recipe.data.batch, CHANNELS, side, side, device="meta") for name, side in sides.items()}
    trial = copy.deepcopy(method).to("meta")
    trial.batches_calls = False  # what depends on what is asked of these tensors
    try:
        made = trial(batch, wanted)
    except (InputError, RuntimeError, ValueError) as error:
        raise InputError(f"networks: a batch of {shape_of(batch['a'])} (data.crop) does not pass: {error}") from None
    for name in recipe.samples:
        if made[name.removeprefix("partner_")].ndim != 4:
            raise InputError(f"samples: {name} is no picture: {shape_of(made[name])}")
    return made


def shape_of(tensor: Tensor) -> str:
    return "[" + ", ".join(str(side) for side in tensor.shape) + "]"
