"""Builds a recipe's method with its networks, and runs it on the meta device to find its shapes."""

import copy
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.degradations import Degradation
from advloss.data.fields import Field, Fields, Image, Label, Mask, images_of, made_field, made_from, scale_of
from advloss.data.formats import FieldFormat
from advloss.data.sampling.crops import CropSide
from advloss.methods.base import Method, NetworkFactory
from advloss.recipe import components
from advloss.recipe.formats import formats_of
from advloss.recipe.players import batches_per_iteration
from advloss.recipe.schema import Component, Recipe, Term
from advloss.recipe.signatures import make, tensor_parameters
from advloss.recipe.tensors import flattened, several, taken


def declared_fields(recipe: Recipe) -> Fields:
    """The fields of the recipe's method."""
    return components.METHODS[recipe.method.name].declared_fields(recipe.method.parameters)


def build_method(recipe: Recipe) -> Method:
    """The recipe's method with its networks, weights drawn from the global generator."""
    fields = declared_fields(recipe)
    formats = formats_of(recipe.data, fields)
    scale = int(recipe.method.parameters.get("scale", 1))
    crop = CropSide(recipe.data.crop).ends[1]
    factories = {
        name: NetworkFactory(_maker(name, component), fields, formats, crop=crop, scale=scale)
        for name, component in recipe.networks.items()
    }
    return components.METHODS[recipe.method.name](**recipe.method.parameters, **factories)


def build_degradation(recipe: Recipe, scale: int) -> Degradation | None:
    """The recipe's degradation, which makes the small pictures; None if the recipe has none."""
    component, fields = recipe.data.degradation, declared_fields(recipe)
    made = made_field(fields)
    if component is None or made is None:
        return None
    cls = components.DEGRADATIONS[component.name]
    degradation: Degradation = make(cls, component.parameters, "", {"scale": scale})
    of = made_from(fields[made]) or ""
    form = formats_of(recipe.data, fields)[of]
    if not degradation.any_form and (form.channels, form.depth) != (3, 8):
        raise InputError(
            f"data.degradation: '{component.name}' takes 8-bit RGB, and '{of}' has {form.channels} channels of depth "
            f"{form.depth}; use bicubic, or data.channels=3 data.depth=8"
        )
    degradation.depth = form.depth
    return degradation


def crop_sides(method: Method, recipe: Recipe) -> CropSide:
    """The side of the crop in each batch, rounded down to a size that the method's networks take."""
    return CropSide(recipe.data.crop, batches_per_iteration(recipe.train), method.multiple)


def _maker(name: str, component: Component) -> Callable[..., nn.Module]:
    """A function that makes the network of one line of a recipe, from the parameters that its fields decide."""
    cls = components.networks_of(name)[component.name]

    def network(**wired: Any) -> nn.Module:
        made: nn.Module = make(cls, component.parameters, "", wired, components.PARTS)
        return made

    return network


def dry_run(
    method: Method, recipe: Recipe, crop: int | None = None, wanted: Collection[str] | None = None
) -> dict[str, Tensor]:
    """The method's tensors on the meta device, which knows shapes and computes nothing.

    crop: in pixels; by default the largest of the training. wanted: names of tensors; by default every one that a term,
    metric or sample names. Raises InputError if the method does not give one of these.
    """
    names = _named(recipe) if wanted is None else {*wanted}
    batch = _batch(recipe, crop_sides(method, recipe).ends[1] if crop is None else crop)
    trial = copy.deepcopy(method).to("meta")
    trial.batches_calls = False  # with it each tensor depends on all others of its call
    try:
        made = flattened(trial(batch, names))
    except (InputError, RuntimeError, ValueError) as error:
        shapes = ", ".join(f"{name} {shape_of(tensor)}" for name, tensor in batch.items())
        hint = _other_channels(recipe)
        raise InputError(f"networks: a batch of {shapes} (data.crop) does not pass: {error}{hint}") from None
    if wanted is not None:
        return made
    for name in sorted(names):
        if name not in made and f"{name}.0" not in made:
            raise InputError(f"method: '{recipe.method.name}' declares {name}, and its forward does not give it")
    axes = set()
    for name in recipe.samples:
        sample = taken(made, name.removeprefix("partner_"))
        if not isinstance(sample, Tensor) or (sample.ndim != 4 and list(sample.shape[1:]) != [2]):
            raise InputError(f"samples: {name} is no picture and no point of two axes: {shape_of(sample)}")
        axes.add(sample.ndim)
    if len(axes) > 1:
        raise InputError(f"samples: {', '.join(recipe.samples)} are pictures and points; name one kind alone")
    return made


def _named(recipe: Recipe) -> set[str]:
    """Every tensor that a term, a metric or a sample names."""
    terms = [line for line in recipe.losses.values() if line is not None]
    metrics = [line for line in recipe.metrics.values() if line is not None]
    names = {name for line in terms for name in (*line.between, *named_tensors(line).values())}
    names |= {name for line in metrics for name in line.between} | {*recipe.samples}
    return {name.removeprefix("partner_") for name in names}


def _other_channels(recipe: Recipe) -> str:
    """What to do if images of different channels are the reason."""
    fields = declared_fields(recipe)
    formats = formats_of(recipe.data, fields)
    channels = {name: formats[name].channels for name in images_of(fields)}
    if len(set(channels.values())) < 2:
        return ""
    said = ", ".join(f"{name} has {count}" for name, count in channels.items())
    return f"; of the files' channels {said}: data.channels={max(channels.values())} reads them alike"


def training_batch(method: Method, recipe: Recipe) -> dict[str, Tensor]:
    """A training batch of the largest crop on the meta device."""
    return _batch(recipe, crop_sides(method, recipe).ends[1])


def _batch(recipe: Recipe, crop: int) -> dict[str, Tensor]:
    """A training batch on the meta device, with the fields that are required or have a path in the recipe."""
    fields = declared_fields(recipe)
    formats = formats_of(recipe.data, fields)
    given = {name for name, field in fields.items() if {name, field.source} & recipe.data.paths.keys()}
    for field in fields.values():
        side = crop * scale_of(field)
        if crop < 1 or side.denominator != 1:
            raise InputError(f"data.crop: {crop} pixels are no multiple of the scale, {scale_of(field).denominator}")
    return {
        name: _values(field, formats[name], recipe.data.batch, crop)
        for name, field in fields.items()
        if not field.optional or name in given
    }


def _values(field: Field, form: FieldFormat, batch: int, crop: int) -> Tensor:
    if isinstance(field, Image | Mask):
        side = int(crop * scale_of(field))
        return torch.empty(batch, form.channels, side, side, device="meta")
    if isinstance(field, Label):
        return torch.empty(batch, dtype=torch.int64, device="meta")
    return torch.empty(batch, form.size or 1, device="meta")


def named_tensors(line: Term) -> dict[str, str]:
    """The tensors that a term's loss takes by name."""
    keywords = tensor_parameters(components.LOSSES[line.loss])[1]
    return {key: line.parameters[key] for key in keywords if line.parameters.get(key) is not None}


def shape_of(value: Tensor | tuple[Tensor, ...]) -> str:
    """`[8, 3, 64, 64]`; of a tuple all shapes."""
    return ", ".join("[" + ", ".join(str(side) for side in tensor.shape) + "]" for tensor in several(value))
