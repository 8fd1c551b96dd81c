"""Checks components against their signatures, and makes them from the checked values.

Types, ranges and choices come from the annotations. A parameter that is marked as a `Part` is a component itself: a
recipe names it, `{name: patchgan, width: 32}`, and its parameters are checked, completed and made in the same way.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model
from torch import nn

from advloss.core.errors import InputError, unknown
from advloss.core.parts import Part
from advloss.recipe.schema import Component
from advloss.recipe.text.upgrade import RENAMED

WIRED = frozenset({"in_channels", "out_channels", "in_features", "out_features", "classes", "classifier"})
"""Parameters that follow from the tensors' shapes or are the method's networks, so recipes don't say them."""
UNKNOWN_PARAMETER = "parameter of"

Table = Mapping[str, Callable[..., Any]]
Tables = Mapping[str, Table]
"""The components of each kind of part."""


@dataclass(frozen=True)
class Nested:
    """A parameter that is a component. part: its mark; several: whether it is a list of them; optional: or None."""

    part: Part
    several: bool
    optional: bool

    @property
    def kind(self) -> str:
        """The kind of part."""
        return self.part.kind


@cache
def nested(component: Callable[..., Any]) -> dict[str, Nested]:
    """The parameters of a component that are components themselves."""
    found = {}
    for name, hint in _hints(component).items():
        optional = type(None) in get_args(hint)
        marked = next((each for each in (hint, *get_args(hint)) if get_origin(each) is Annotated), None)
        parts = [mark for mark in getattr(marked, "__metadata__", ()) if isinstance(mark, Part)]
        if marked is not None and parts:
            inner = get_args(marked)[0]
            several = get_origin(inner) is not None and issubclass(_class(get_origin(inner)), Collection)
            found[name] = Nested(parts[0], several, optional or type(None) in get_args(inner))
    return found


@cache
def parameters_model(component: Callable[..., Any], given: frozenset[str] = WIRED) -> type[BaseModel]:
    """A pydantic model of the component's keyword parameters, without those in `given` (supplied when it is built)."""
    hints, parts = _hints(component), nested(component)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(component).parameters.items():
        if name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (_part_type(parts[name]) if name in parts else hints.get(name, Any), default)
    return create_model(
        f"{component.__name__}Parameters",
        __config__=ConfigDict(extra="forbid", validate_default=True, arbitrary_types_allowed=True),
        **fields,
    )


def check_parameters(
    kind: str,
    component: Callable[..., Any],
    values: dict[str, Any],
    place: str,
    given: frozenset[str] = WIRED,
    other_keys: Iterable[str] = (),
    tables: Tables | None = None,
) -> dict[str, Any]:
    """The component's parameters, converted and completed with its defaults; its parts as checked `Component`s.

    kind: what the component is called in messages (`unet`); place: where in the recipe it stands
    (`networks.generator`); other_keys: keys of the same place that are not its parameters, for suggestions; tables: the
    components of each kind of part. Raises InputError that names the place, the parameter and what is wrong with it.
    """
    model = parameters_model(component, given)
    parts = nested(component)
    for name in values:
        if name not in model.model_fields:
            known = {*model.model_fields, *other_keys}
            raise InputError(f"{place}.{name}: {unknown_key(f'{UNKNOWN_PARAMETER} {kind}', name, known)}")
        if isinstance(values[name], dict) and "name" in values[name] and name not in _hints(component):
            raise InputError(
                f"{place}.{name}: {kind} has {name} without its type, so it can't be made of {{name: ...}}; write "
                f'{name}: Annotated[nn.Module, Part("discriminator")] in its constructor, see docs/extending.md'
            )
    values = {name: _named(value, name, parts, tables or {}) for name, value in values.items()}
    try:
        checked = model(**values)
    except ValidationError as error:
        raise InputError("\n".join(sentences(error, place))) from None
    completed = {name: getattr(checked, name) for name in model.model_fields}
    for name, part in parts.items():
        if completed.get(name):
            completed[name] = _complete_part(part, completed[name], f"{place}.{name}", tables or {})
    return completed


def complete(
    kind: str,
    table: Table,
    component: Component,
    place: str,
    given: frozenset[str] = WIRED,
    tables: Tables | None = None,
) -> Component:
    """A component looked up in its table, with its parameters checked and completed; see `check_parameters`."""
    cls = lookup(kind, table, component.name, f"{place}.name")
    called = f"'{component.name}'"
    parameters = check_parameters(called, cls, component.parameters, place, given, tables=tables)
    return Component(name=component.name, **parameters)


def lookup(kind: str, table: Mapping[str, Any], name: str, place: str, base: type | None = None) -> Any:
    """The entry `name` of a table of components; InputError with the nearest name, and for an entry that is no class.

    base: the class of which the entry must be a subclass; None: anything that can be called and is no module.
    """
    if name not in table:
        raise InputError(f"{place}: {unknown(kind, name, table)}")
    entry = table[name]
    fits = callable(entry) and not isinstance(entry, nn.Module) if base is None else _is_subclass(entry, base)
    if not fits:
        what = "a class" if base is None else f"a subclass of {base.__name__}"
        is_one = "a function" if inspect.isfunction(entry) else f"of the type {type(entry).__name__}"
        is_one = f"the class {entry.__name__}" if inspect.isclass(entry) else is_one
        raise InputError(f"{place}: the {kind} '{name}' is {is_one}, and it must be {what}; see docs/extending.md")
    return entry


def _is_subclass(entry: Any, base: type) -> bool:
    return inspect.isclass(entry) and issubclass(entry, base)


def make(
    cls: Callable[..., Any],
    parameters: Mapping[str, Any],
    place: str = "",
    wired: Mapping[str, Any] | None = None,
    tables: Tables | None = None,
) -> Any:
    """Makes a checked component, after its parts.

    wired: the parameters that the tensors decide (`in_channels`, ...). The component and each of its parts gets those
    in its signature. place: of the component in the recipe, for messages.
    """
    wired = wired or {}
    own = {name: value for name, value in wired.items() if name in inspect.signature(cls).parameters}
    given = dict(parameters)
    for name, part in nested(cls).items():
        if given.get(name) is not None:
            given[name] = _make_part(part, given[name], f"{place}.{name}", wired, tables or {})
    try:
        return cls(**{**own, **given})
    except InputError as error:
        said = str(error).replace("losses.NAME=null", f"{place}=null")  # a loss does not know its name
        raise InputError(f"{place}: {said}" if place else said) from None


def sentences(error: ValidationError, place: str = "", model: type[BaseModel] | None = None) -> list[str]:
    """A pydantic error as lines `place.key: what is wrong (got ...)`; model: whose keys to suggest for unknown ones."""
    lines = []
    for detail in error.errors():
        key = [str(part) for part in detail["loc"]]
        where = ".".join([place, *key] if place else key)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = unknown_key("key", key[-1], _keys(model, key[:-1]))
        elif detail["type"] not in ("missing", "value_error"):
            message = f"{message} (got {detail.get('input')!r})"
        lines.append(f"{where}: {message}")
    return lines


def unknown_key(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a key that is not known: its new name if it was renamed, else the nearest one."""
    known = list(known)
    return f"{name} is {RENAMED[name]} now" if RENAMED.get(name) in known else unknown(kind, name, known)


def tensor_parameters(loss: Any) -> tuple[list[str], dict[str, bool]]:
    """The tensors that a loss takes: the names of the positional ones; and of those that a term gives by name, whether
    each is required. For a loss with a discriminator, those of both of its functions.
    """
    halves = [loss.forward, *([loss.discriminator_loss] if hasattr(loss, "discriminator_loss") else [])]
    several = [[p for p in inspect.signature(half).parameters.values() if p.name != "self"] for half in halves]
    by_name = {p.name: p.default is p.empty for half in several for p in half if p.kind is p.KEYWORD_ONLY}
    positional = [p.name for p in several[-1] if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional, by_name


def _hints(component: Callable[..., Any]) -> dict[str, Any]:
    function = component.__init__ if inspect.isclass(component) else component
    return get_type_hints(function, include_extras=True)


def _class(origin: Any) -> type:
    return origin if inspect.isclass(origin) else object


def _part_type(part: Nested) -> Any:
    """The type of a recipe's value for a part."""
    kind: Any = Component
    if part.several:
        kind = Annotated[list[Component], BeforeValidator(_as_list)]
    return kind | None if part.optional else kind


def _as_list(value: Any) -> Any:
    """A single component becomes a list of one."""
    return [value] if isinstance(value, str | dict | Component) else value


def _named(value: Any, name: str, parts: Mapping[str, Nested], tables: Tables) -> Any:
    """Adds the name to a part of a kind that has one component only, as in `top_k: {fraction: 0.5}`, or that is written
    in a way of its own."""
    written = parts[name].part.written if name in parts else None
    if written is not None and isinstance(value, dict):
        return written(value)
    if name in parts and isinstance(value, dict) and "name" not in value and len(tables[parts[name].kind]) == 1:
        return {"name": next(iter(tables[parts[name].kind])), **value}
    return value


def _complete_part(part: Nested, value: Any, place: str, tables: Tables) -> Any:
    table = tables[part.kind]
    if part.several:
        return [complete(part.kind, table, one, f"{place}.{i}", tables=tables) for i, one in enumerate(value)]
    return complete(part.kind, table, value, place, tables=tables)


def _make_part(part: Nested, value: Any, place: str, wired: Mapping[str, Any], tables: Tables) -> Any:
    components = value if part.several else [value]
    made = [make(tables[part.kind][one.name], one.parameters, place, wired, tables) for one in components]
    return made if part.several else made[0]


def _keys(model: type[BaseModel] | None, key: list[str]) -> list[str]:
    """The fields of the model that stands at `key` within `model`."""
    for part in key:
        inner = model.model_fields[part].annotation if model and part in model.model_fields else None
        model = inner if inspect.isclass(inner) and issubclass(inner, BaseModel) else None
    return list(model.model_fields) if model else []
