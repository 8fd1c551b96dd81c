"""Makes a checked recipe from a recipe's text: checks every key, component, parameter and tensor name."""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from torch import nn

from advloss.core.errors import InputError, unknown
from advloss.data.fields import VAL, Field, images_of, made_field
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.methods.base import Method, NetworkFactory
from advloss.recipe import components
from advloss.recipe.checks.data_keys import check_paths, unknown_data
from advloss.recipe.checks.partners import why_no_partners
from advloss.recipe.optimizers import value_at
from advloss.recipe.players import default_steps
from advloss.recipe.schema import Component, Data, Metric, Recipe, Sides, Term, Train
from advloss.recipe.signatures import (
    UNKNOWN_PARAMETER,
    WIRED,
    check_parameters,
    complete,
    lookup,
    sentences,
    tensor_parameters,
)
from advloss.recipe.terms import DISCRIMINATOR, GENERATOR, is_two_sided
from advloss.recipe.text.pairs import check_read, settle
from advloss.recipe.text.source import COMMAND_LINE, Source

SCALE = frozenset({"scale"})
"""The parameters of a degradation that a recipe does not say: `scale` is the method's."""
FOLLOWS = WIRED | SCALE | {"size", "distribution"}
"""The parameters of a network that a recipe does not say, since they follow from the fields."""


def resolve(source: Source) -> Recipe:
    """Checks a recipe and completes it with all defaults.

    Raises InputError, a line for each mistake: where it was written, its key, what is wrong, the nearest right name.
    """
    try:
        _check_names(source.values, "losses", "term", "loss")
        _check_names(source.values, "metrics", "metric", "metric")
        settle(source)
        recipe = complete_recipe(Recipe.model_validate(source.values))
        check_read(recipe, source)
        return recipe
    except ValidationError as error:
        lines = sentences(error, model=Recipe) + unknown_data(source.values)
    except InputError as error:
        lines = str(error).splitlines()
    raise InputError("\n".join(_located(line, source) for line in lines)) from None


def complete_recipe(recipe: Recipe) -> Recipe:
    """The recipe with each component checked against its signature and its parameters completed."""
    method = lookup("method", components.METHODS, recipe.method.name, "method", Method)
    networks = network_names(method)
    for name in inspect.signature(method).parameters.keys() & recipe.networks.keys() - networks:
        raise InputError(
            f"networks.{name}: the constructor of '{recipe.method.name}' has {name} without its type; write "
            f"{name}: NetworkFactory"
        )
    own = complete("method", components.METHODS, recipe.method, "method", networks)
    _check_declared(recipe.method.name, method, own.parameters)
    names = {**method.tensors, **_partners(method, own.parameters)}
    checked = recipe.model_copy(
        update={
            "method": own,
            "networks": _networks(recipe, networks),
            "data": _data(recipe, method, own.parameters),
            "losses": {name: _term(term, f"losses.{name}", method) for name, term in recipe.losses.items() if term},
            "metrics": {name: _metric(m, f"metrics.{name}", names, method) for name, m in recipe.metrics.items() if m},
            "train": (train := _train(recipe)),
            "optimizer": _optimizer(recipe.optimizer, train.steps or {}),
            "schedule": complete("schedule", components.SCHEDULES, recipe.schedule, "schedule"),
            "weighting": _weighting(recipe, method),
        }
    )
    for position, name in enumerate(recipe.samples):
        _tensor(name, names, f"samples.{position}")
    if not any(term and term.start == 0 and value_at(term.weight, 0) > 0 for term in checked.losses.values()):
        raise InputError("losses: no term counts from the first iteration, there is nothing to train for")
    return checked


def _check_declared(name: str, method: type[Method], parameters: Mapping[str, Any]) -> None:
    """Raises InputError for a method class without `fields` or `tensors`, or whose fields are no fields."""
    own_fields = any("declared_fields" in base.__dict__ for base in method.__mro__ if base is not Method)
    for attribute, needed in (("fields", not own_fields), ("tensors", True)):
        if needed and not hasattr(method, attribute):
            raise InputError(f"method: '{name}' has no `{attribute}`; the class declares them, see docs/extending.md")
    fields = method.declared_fields(parameters)
    if not fields:
        raise InputError(f"method: '{name}' declares no field, so its batches are empty; say what it learns from")
    for field, declared in fields.items():
        if not isinstance(declared, Field):
            raise InputError(f"method: '{name}' declares the field {field} by {declared!r}; say fields.Image(...)")
        for word in (field, declared.source):
            if word.startswith(VAL):
                raise InputError(f"method: '{name}' declares {word}, and {VAL}... are the keys of validation sets")


def _partners(method: type[Method], parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tensors such as `partner_b` that metrics and samples may use in addition to the method's tensors."""
    names = [name for name in images_of(method.declared_fields(parameters)) if name in method.tensors]
    if len(names) < 2:
        return {}
    what = "the true image of {} that belongs to the others', where the data set knows it [B, C, H, W]"
    return {f"partner_{name}": what.format(name) for name in names}


def _check_names(values: Mapping[str, Any], section: str, kind: str, needed: str) -> None:
    """Raises InputError for a line without the key `needed`. It comes from a misspelt override, such as
    `losses.cycel_a.weight=5`."""
    lines = values.get(section)
    if not isinstance(lines, dict):
        return
    for name, line in lines.items():
        if isinstance(line, dict) and needed not in line:
            others = [other for other in lines if other != name]
            raise InputError(f"{section}.{name}: {unknown(kind, name, others)}; a new one needs {needed} and between")


def network_names(method: type[Method]) -> frozenset[str]:
    """The keys that a recipe of this method has under `networks`: its constructor's `NetworkFactory` parameters."""
    parameters = inspect.signature(method).parameters.values()
    return frozenset(p.name for p in parameters if _makes_networks(p.annotation))


def _makes_networks(annotation: Any) -> bool:
    """Whether a parameter's annotation is NetworkFactory; a text where annotations are not evaluated."""
    text = annotation.rpartition(".")[2] if isinstance(annotation, str) else ""
    return annotation is NetworkFactory or text == NetworkFactory.__name__


def _networks(recipe: Recipe, names: frozenset[str]) -> dict[str, Component]:
    for name in recipe.networks:
        if name not in names:
            raise InputError(f"networks.{name}: {unknown(f'network of {recipe.method.name}', name, names)}")
    for name in names:
        if name not in recipe.networks:
            example = next(iter(components.networks_of(name)))
            raise InputError(f"networks: {recipe.method.name} needs '{name}': networks.{name}={{name: {example}}}")
    return {
        name: complete(name, components.networks_of(name), component, f"networks.{name}", FOLLOWS, components.PARTS)
        for name, component in recipe.networks.items()
    }


def _data(recipe: Recipe, method: type[Method], parameters: Mapping[str, Any]) -> Data:
    """The data section, with its fields' and sources' paths, and its degradation, checked."""
    fields = method.declared_fields(parameters)
    check_paths(recipe.data, fields)
    degradation = recipe.data.degradation
    if degradation is None:
        return recipe.data
    if made_field(fields) is None:
        raise InputError(
            f"data.degradation: {recipe.method.name} learns from the pictures as they are; set data.degradation=null"
        )
    checked = complete("degradation", components.DEGRADATIONS, degradation, "data.degradation", SCALE)
    return recipe.data.model_copy(update={"degradation": checked})


def _weighting(recipe: Recipe, method: type[Method]) -> Component:
    """The weighting, checked. One that compares gradients at the output must name the tensor `at`."""
    settings = recipe.weighting.parameters
    cls = lookup("weighting", components.WEIGHTINGS, recipe.weighting.name, "weighting.name")
    at = {}
    if cls.compared_at == "output":
        at = {"at": settings.pop("at", None)}
        if not isinstance(at["at"], str):
            raise InputError("weighting.at: name the tensor at which gradients are compared, such as at=fake_b")
        _tensor(at["at"], method.tensors, "weighting.at")
    component = Component(name=recipe.weighting.name, **settings)
    checked = complete("weighting", components.WEIGHTINGS, component, "weighting", frozenset({"weights"}))
    adversarial = checked.parameters.get("adversarial")
    if adversarial is not None and recipe.losses.get(adversarial) is None:
        raise InputError(
            f"weighting.adversarial: {unknown('term', adversarial, [n for n, t in recipe.losses.items() if t])}"
        )
    return Component(name=checked.name, **checked.parameters, **at)


def _train(recipe: Recipe) -> Train:
    """The train section, completed with the steps of the players."""
    if recipe.train.steps is not None:
        return recipe.train
    terms = [term for term in recipe.losses.values() if term]
    two_sided = any(is_two_sided(components.LOSSES.get(term.loss)) for term in terms)
    return recipe.train.model_copy(update={"steps": default_steps(two_sided, [term.player for term in terms])})


def _optimizer(optimizer: Component, steps: Mapping[str, int]) -> Component:
    """The optimizer, checked: its settings for all players, and the different settings under a player's name."""
    settings, given = optimizer.parameters, frozenset({"parameters"})
    cls = lookup("optimizer", components.OPTIMIZERS, optimizer.name, "optimizer.name")
    players = dict.fromkeys([*steps, DISCRIMINATOR])  # the discriminator's settings may be there though it is off
    changes = {name: settings.pop(name, None) for name in players if name != GENERATOR or name in settings}
    called = f"'{optimizer.name}'"
    common = check_parameters(called, cls, settings, "optimizer", given, other_keys=players)
    for player, changed in changes.items():
        if changed is None:
            continue
        if not isinstance(changed, dict):
            raise InputError(f"optimizer.{player}: is a mapping of what differs, such as {{lr: 4e-4}}")
        checked = check_parameters(called, cls, {**common, **changed}, f"optimizer.{player}", given)
        changes[player] = {name: checked[name] for name in changed} or None
    return Component(name=optimizer.name, **common, **changes)


def _term(term: Term, place: str, method: type[Method]) -> Term:
    """A line under `losses`, checked: its tensors, the discriminator's settings, its loss's parameters."""
    tensors = method.tensors
    for position, name in enumerate(term.between):
        _tensor(name, tensors, f"{place}.between.{position}")
    loss = lookup("loss", components.LOSSES, term.loss, f"{place}.loss", nn.Module)
    positional, by_name = tensor_parameters(loss)
    if len(positional) != len(term.between):
        counts = f"{len(positional)} tensor(s), {len(term.between)} given"
        raise InputError(f"{place}.between: '{term.loss}' compares {counts}: [{', '.join(positional)}]")
    _check_partners(method, loss, term, place)
    parameters = term.parameters
    named = {key: parameters.pop(key, None) for key in by_name}
    for key, name in named.items():
        if name is not None:
            _tensor(str(name), tensors, f"{place}.{key}")
        elif by_name[key]:
            raise InputError(f"{place}.{key}: is missing: '{term.loss}' takes a tensor of that name, such as {key}=b")
    sides = _sides(loss, parameters, place)
    term_keys = {*Term.model_fields, *sides, *by_name}
    checked = check_parameters(f"'{term.loss}'", loss, parameters, place, other_keys=term_keys, tables=components.PARTS)
    common = {name: getattr(term, name) for name in Term.model_fields}
    return Term(**common, **named, **sides, **checked)


def _check_partners(method: type[Method], measure: Any, line: Term | Metric, place: str) -> None:
    """Raises InputError if a loss or metric compares tensors that are drawn apart image by image, or joins them."""
    of_means = line.parameters.get("matching") == "means"  # of the batch, not image by image
    matching = not of_means and line.parameters.get("feature_matching")
    names = tensor_parameters(measure)[0] if isinstance(line, Term) else []
    if getattr(measure, "partners", False) or names[1:] == ["label"] or matching:
        key = "feature_matching" if matching else "between"
        if why := why_no_partners(method, *line.between):
            known = "" if isinstance(line, Term) else f"; or partner_{line.between[1]}, where the data has partners"
            raise InputError(f"{place}.{key}: {why}{known}")
    for key in ("given", "label") if isinstance(measure, type) and issubclass(measure, AdversarialLoss) else ():
        beside = line.parameters.get(key)
        for name in line.between:
            if isinstance(beside, str) and (why := why_no_partners(method, name, beside)):
                raise InputError(f"{place}.{key}: {why}")


def _sides(loss: Any, parameters: dict[str, Any], place: str) -> dict[str, Any]:
    """The discriminator's settings (`Sides`), removed from `parameters`; empty for a loss without a discriminator."""
    if not is_two_sided(loss):
        return {}
    given = {key: parameters.pop(key) for key in Sides.model_fields if key in parameters}
    try:
        return Sides.model_validate(given).model_dump()
    except ValidationError as error:
        raise InputError("\n".join(sentences(error, place, Sides))) from None


def _metric(metric: Metric, place: str, tensors: Mapping[str, str], method: type[Method]) -> Metric:
    for position, name in enumerate(metric.between):
        _tensor(name, tensors, f"{place}.between.{position}")
    cls = lookup("metric", components.METRICS, metric.metric, f"{place}.metric", nn.Module)
    positional = tensor_parameters(cls)[0]
    if len(positional) != len(metric.between):
        counts = f"{len(positional)} tensor(s), {len(metric.between)} given"
        raise InputError(f"{place}.between: '{metric.metric}' is of {counts}: [{', '.join(positional)}]")
    _check_partners(method, cls, metric, place)
    parameters = check_parameters(f"'{metric.metric}'", cls, metric.parameters, place, other_keys=Metric.model_fields)
    return Metric(metric=metric.metric, between=metric.between, **parameters)


def _tensor(name: str, tensors: Mapping[str, str], place: str) -> None:
    if name not in tensors:
        raise InputError(f"{place}: {unknown('tensor', name, tensors)}")


def _located(line: str, source: Source) -> str:
    """The message after the place where its key was written: a line of the YAML file, or the command line."""
    key = tuple(line.partition(": ")[0].split("."))
    origin = source.origin(key)
    stale = ""
    if UNKNOWN_PARAMETER in line and source.origin((*key[:-1], "name")) == COMMAND_LINE != origin:
        component = ".".join(key[:-1])
        stale = f"; it was written for another component: replace the whole, {component}={{name: ...}}"
    return f"{origin or source.path}: {line}{stale}"
