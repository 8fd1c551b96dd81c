"""Parameters of a component, checked against its own signature: types, ranges and choices come from its annotations."""

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from advloss.core.clock import plain_number
from advloss.core.errors import InputError, unknown

# what building decides from the tensors' shapes, so no recipe has to
WIRED = frozenset({"in_channels", "in_features", "out_channels"})
UNKNOWN_PARAMETER = "parameter of"


@cache
def parameters_model(component: Callable[..., Any], given: frozenset[str] = WIRED) -> type[BaseModel]:
    """A pydantic model of the component's keyword parameters, without those in `given` (supplied when it is built)."""
    function = component.__init__ if inspect.isclass(component) else component
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(component).parameters.items():
        if name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, Any), default)
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
    beside: Iterable[str] = (),
) -> dict[str, Any]:
    """The component's parameters, converted and completed with its defaults.

    kind: what the component is called in messages (`unet`); place: where in the recipe it stands
    (`networks.generator`); beside: the keys that may stand beside its parameters there.
    Raises InputError that names the place, the parameter and what is wrong with it.
    """
    model = parameters_model(component, given)
    for name in values:
        if name not in model.model_fields:
            known = {*model.model_fields, *beside}
            raise InputError(f"{place}.{name}: {unknown(f'{UNKNOWN_PARAMETER} {kind}', name, known)}")
    try:
        checked = model(**values)
    except ValidationError as error:
        raise InputError("\n".join(sentences(error, place))) from None
    return {name: plain_number(getattr(checked, name)) for name in model.model_fields}


def arguments(component: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Checked parameters as the component takes them: a schedule is a mapping in a recipe, and here an object."""
    model = parameters_model(component, frozenset(inspect.signature(component).parameters).difference(parameters))
    return {name: getattr(model(**parameters), name) for name in parameters}


def sentences(error: ValidationError, place: str = "", model: type[BaseModel] | None = None) -> list[str]:
    """A pydantic error as lines `place.key: what is wrong (got ...)`; model: whose keys to suggest for unknown ones."""
    lines = []
    for detail in error.errors():
        key = [str(part) for part in detail["loc"]]
        where = ".".join([place, *key] if place else key)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = unknown("key", key[-1], _keys(model, key[:-1]))
        elif detail["type"] not in ("missing", "value_error"):
            message = f"{message} (got {detail.get('input')!r})"
        lines.append(f"{where}: {message}")
    return lines


def _keys(model: type[BaseModel] | None, key: list[str]) -> list[str]:
    """The fields of the model that stands at `key` within `model`."""
    for part in key:
        inner = model.model_fields[part].annotation if model and part in model.model_fields else None
        model = inner if inspect.isclass(inner) and issubclass(inner, BaseModel) else None
    return list(model.model_fields) if model else []
