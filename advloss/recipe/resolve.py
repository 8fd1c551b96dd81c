"""From a recipe's text to a checked recipe: every key, component, parameter and tensor name."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Fields, images_of, made_field, sources_of
from advloss.losses.adversarial.topk import TopK
from advloss.methods.base import Method, NetworkFactory
from advloss.recipe import components
from advloss.recipe.schema import AdversarialOptions, Component, Data, Metric, Recipe, Term
from advloss.recipe.signatures import UNKNOWN_PARAMETER, WIRED, check_parameters, sentences
from advloss.recipe.source import COMMAND_LINE, Source

_SCALE = frozenset({"scale"})  # of a degradation is the method's
_FOLLOWS = frozenset({"scale", "in_features", "classes", "size"})  # of a network follows from the fields
_WEIGHTS = frozenset({"weights"})  # a weighting's weights are the terms'
_OWN = frozenset({"parameters"})  # what an optimizer is given besides its settings


BEFORE_FIELDS = ("a", "b")
"""Keys that stood in every resolved recipe, also as null, before methods declared their fields."""


def resolve(source: Source) -> Recipe:
    """Checks a recipe and completes it: the result holds every value, also those that were left to a default.

    Raises InputError, a line for each mistake: where it was written, its key, what is wrong, the nearest right name.
    """
    try:
        _check_names(source.values, "losses", "term", "loss")
        _check_names(source.values, "metrics", "metric", "metric")
        return complete(Recipe.model_validate(source.values))
    except ValidationError as error:
        lines = sentences(error, model=Recipe) + _unknown_data(source.values)
    except InputError as error:
        lines = str(error).splitlines()
    raise InputError("\n".join(_located(line, source) for line in lines)) from None


def complete(recipe: Recipe) -> Recipe:
    """The recipe with each component checked against its signature and its parameters completed."""
    method = lookup("method", components.METHODS, recipe.method.name, "method")
    networks = network_names(method)
    own = _component("method", components.METHODS, recipe.method, "method", networks)
    names = {**method.tensors, **_partners(method, own.parameters)}
    checked = recipe.model_copy(
        update={
            "method": own,
            "networks": _networks(recipe, networks),
            "data": _data(recipe, method, own.parameters),
            "losses": {
                name: _term(term, f"losses.{name}", method.tensors) for name, term in recipe.losses.items() if term
            },
            "metrics": {name: _metric(m, f"metrics.{name}", names) for name, m in recipe.metrics.items() if m},
            "optimizer": _optimizer(recipe.optimizer),
            "schedule": _component("schedule", components.SCHEDULES, recipe.schedule, "schedule"),
            "weighting": _weighting(recipe, method),
        }
    )
    for position, name in enumerate(recipe.samples):
        _tensor(name, names, f"samples.{position}")
    if not any(term and term.weight > 0 and term.start == 0 for term in checked.losses.values()):
        raise InputError("losses: no term counts from the first iteration, there is nothing to train for")
    return checked


def _partners(method: type[Method], parameters: Mapping[str, Any]) -> dict[str, str]:
    """`partner_b` and the like: what metrics and samples may use beside the method's tensors."""
    names = [name for name in images_of(method.declared_fields(parameters)) if name in method.tensors]
    if len(names) < 2:
        return {}
    what = "the true image of {} that belongs to the others', where the data set knows it [B, C, H, W]"
    return {f"partner_{name}": what.format(name) for name in names}


def _check_names(values: Mapping[str, Any], section: str, kind: str, needed: str) -> None:
    """A line without the key `needed` comes from a misspelt override, such as `losses.cycel_a.weight=5`."""
    lines = values.get(section)
    if not isinstance(lines, dict):
        return
    for name, line in lines.items():
        if isinstance(line, dict) and needed not in line:
            others = [other for other in lines if other != name]
            raise InputError(f"{section}.{name}: {unknown(kind, name, others)}; a new one needs {needed} and between")


def lookup(kind: str, table: Mapping[str, Any], name: str, place: str) -> Any:
    """The entry `name` of a table of components; InputError with the nearest name."""
    if name not in table:
        raise InputError(f"{place}: {unknown(kind, name, table)}")
    return table[name]


def network_names(method: type[Method]) -> frozenset[str]:
    """The keys that a recipe of this method has under `networks`: its constructor's `NetworkFactory` parameters."""
    parameters = inspect.signature(method).parameters.values()
    return frozenset(p.name for p in parameters if p.annotation in (NetworkFactory, "NetworkFactory"))


def _component(
    kind: str,
    table: Mapping[str, Callable[..., Any]],
    component: Component,
    place: str,
    given: frozenset[str] = frozenset(),
) -> Component:
    cls = lookup(kind, table, component.name, f"{place}.name")
    parameters = check_parameters(f"'{component.name}'", cls, component.parameters, place, given | WIRED)
    return Component(name=component.name, **parameters)


def _networks(recipe: Recipe, names: frozenset[str]) -> dict[str, Component]:
    for name in recipe.networks:
        if name not in names:
            raise InputError(f"networks.{name}: {unknown(f'network of {recipe.method.name}', name, names)}")
    for name in names:
        if name not in recipe.networks:
            example = next(iter(components.NETWORKS[name]))
            raise InputError(f"networks: {recipe.method.name} needs '{name}': networks.{name}={{name: {example}}}")
    return {
        name: _component(name, components.NETWORKS[name], component, f"networks.{name}", _FOLLOWS)
        for name, component in recipe.networks.items()
    }


def _data(recipe: Recipe, method: type[Method], parameters: Mapping[str, Any]) -> Data:
    """The data section, with its fields' and sources' paths, and its degradation, checked."""
    fields = method.declared_fields(parameters)
    _check_paths(recipe.data, fields)
    degradation = recipe.data.degradation
    if degradation is None:
        return recipe.data
    if made_field(fields) is None:
        raise InputError(
            f"data.degradation: {recipe.method.name} learns from the pictures as they are; set data.degradation=null"
        )
    checked = _component("degradation", components.DEGRADATIONS, degradation, "data.degradation", _SCALE)
    return recipe.data.model_copy(update={"degradation": checked})


def _check_paths(data: Data, fields: Fields) -> None:
    """InputError for a key of the data section that is no option, field or source, and for a value that is no path."""
    names = list(dict.fromkeys([*fields, *sources_of(fields)]))
    for key, value in (data.model_extra or {}).items():
        if value is None and key in BEFORE_FIELDS:
            continue
        if key not in names:
            raise InputError(_unknown_key(key, names))
        if value is not None and not all(isinstance(one, str | Path) for one in _several(value)):
            raise InputError(f"data.{key}: is a folder, a list of folders or a file (got {value!r})")
    for option in ("channels", "depth", "range", "classes", "sizes"):
        said = getattr(data, option)
        for name in said if isinstance(said, Mapping) else ():
            if name not in fields:
                raise InputError(f"data.{option}.{name}: {unknown('field', name, fields)}")


def _unknown_key(key: str, names: Iterable[str]) -> str:
    return f"data.{key}: {unknown('key', key, [*Data.model_fields, *names])}"


def _unknown_data(values: Mapping[str, Any]) -> list[str]:
    """A sentence for each unknown key of a data section that has other mistakes, too, where the method is known."""
    data, method = values.get("data"), values.get("method")
    name = method.get("name") if isinstance(method, dict) else method
    if not isinstance(data, dict) or name not in components.METHODS:
        return []
    fields = components.METHODS[str(name)].declared_fields({})
    known = [*fields, *sources_of(fields)]
    return [_unknown_key(key, known) for key in data if key not in Data.model_fields and key not in known]


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _weighting(recipe: Recipe, method: type[Method]) -> Component:
    """The weighting; one that compares gradients at the output says at which tensor: `at`."""
    settings = recipe.weighting.parameters
    cls = lookup("weighting", components.WEIGHTINGS, recipe.weighting.name, "weighting.name")
    at = settings.pop("at", None) if cls.compared_at == "output" else None
    if cls.compared_at == "output":
        if not isinstance(at, str):
            raise InputError("weighting.at: name the tensor at which gradients are compared, such as at=fake_b")
        _tensor(at, method.tensors, "weighting.at")
        settings = {**check_parameters("'balancer'", cls, settings, "weighting", _WEIGHTS), "at": at}
        return Component(name=recipe.weighting.name, **settings)
    component = _component(
        "weighting", components.WEIGHTINGS, Component(name=recipe.weighting.name, **settings), "weighting", _WEIGHTS
    )
    adversarial = component.parameters.get("adversarial")
    if adversarial is not None and recipe.losses.get(adversarial) is None:
        raise InputError(
            f"weighting.adversarial: {unknown('term', adversarial, [n for n, t in recipe.losses.items() if t])}"
        )
    return component


def _optimizer(optimizer: Component) -> Component:
    settings = optimizer.parameters
    changes = settings.pop("discriminator", None) or {}
    if not isinstance(changes, dict):
        raise InputError("optimizer.discriminator: is a mapping of what differs, such as {lr: 4e-4}")
    both = _component("optimizer", components.OPTIMIZERS, Component(name=optimizer.name, **settings), "optimizer", _OWN)
    changed = check_parameters(
        f"'{optimizer.name}'",
        components.OPTIMIZERS[optimizer.name],
        {**both.parameters, **changes},
        "optimizer.discriminator",
        _OWN,
    )
    settings = {**both.parameters, "discriminator": {name: changed[name] for name in changes} or None}
    return Component(name=optimizer.name, **settings)


def _term(term: Term, place: str, tensors: Mapping[str, str]) -> Term:
    for position, name in enumerate(term.between):
        _tensor(name, tensors, f"{place}.between.{position}")
    if term.loss == "adversarial":
        return _adversarial(term, place, tensors)
    loss = lookup("loss", {**components.LOSSES, "adversarial": None}, term.loss, f"{place}.loss")
    parameters = check_parameters(f"'{term.loss}'", loss, term.parameters, place, beside=Term.model_fields)
    takes = len(inspect.signature(loss.forward).parameters) - 1
    if takes != len(term.between):
        raise InputError(f"{place}.between: '{term.loss}' compares {takes} tensor(s), {len(term.between)} given")
    return Term(**_common(term), **parameters)


def _adversarial(term: Term, place: str, tensors: Mapping[str, str]) -> Term:
    try:
        options = AdversarialOptions.model_validate(term.parameters)
    except ValidationError as error:
        raise InputError("\n".join(sentences(error, place, AdversarialOptions))) from None
    if len(term.between) != 2:
        raise InputError(f"{place}.between: an adversarial term stands between two tensors: [fake, real]")
    if options.given is not None:
        _tensor(options.given, tensors, f"{place}.given")
    checked: dict[str, Any] = {}
    for key, kind, table in (
        ("objective", "objective", components.OBJECTIVES),
        ("discriminator", "discriminator", components.DISCRIMINATORS),
    ):
        checked[key] = _component(kind, table, getattr(options, key), f"{place}.{key}")
    for key, kind, several in (
        ("penalties", "penalty", components.PENALTIES),
        ("augment", "augmentation", components.AUGMENTATIONS),
    ):
        checked[key] = [
            _component(kind, several, one, f"{place}.{key}.{position}")
            for position, one in enumerate(getattr(options, key))
        ]
    if options.top_k is not None:
        checked["top_k"] = check_parameters("top_k", TopK, options.top_k, f"{place}.top_k")
    options = options.model_copy(update=checked)
    return Term(**_common(term), **options.model_dump())


def _common(term: Term) -> dict[str, Any]:
    """What any term says, whatever its loss."""
    return term.model_dump(include=set(Term.model_fields))


def _metric(metric: Metric, place: str, tensors: Mapping[str, str]) -> Metric:
    for position, name in enumerate(metric.between):
        _tensor(name, tensors, f"{place}.between.{position}")
    cls = lookup("metric", components.METRICS, metric.metric, f"{place}.metric")
    parameters = check_parameters(f"'{metric.metric}'", cls, metric.parameters, place, beside=Metric.model_fields)
    return Metric(metric=metric.metric, between=metric.between, **parameters)


def _tensor(name: str, tensors: Mapping[str, str], place: str) -> None:
    if name not in tensors:
        raise InputError(f"{place}: {unknown('tensor', name, tensors)}")


def _located(line: str, source: Source) -> str:
    """The line behind the place in the YAML file (or the command line) where its key was written."""
    key = tuple(line.partition(": ")[0].split("."))
    origin = source.origin(key)
    stale = ""
    if UNKNOWN_PARAMETER in line and source.origin((*key[:-1], "name")) == COMMAND_LINE != origin:
        component = ".".join(key[:-1])
        stale = f"; it was written for another component: replace the whole, {component}={{name: ...}}"
    return f"{origin or source.path}: {line}{stale}"
