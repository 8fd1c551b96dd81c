"""Checks the keys of a recipe's data section that depend on the method's fields: paths, and values by field."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError, unknown
from advloss.data.fields import VAL, Fields, sources_of
from advloss.recipe import components
from advloss.recipe.schema import Data

BEFORE_FIELDS = ("a", "b")
"""Keys that every resolved recipe had, also as null, before methods declared their fields."""


def check_paths(data: Data, fields: Fields) -> None:
    """Raises InputError for a key of the data section that is not an option, field or source, and for a value that is
    not a path."""
    names = _data_names(fields)
    for key, value in (data.model_extra or {}).items():
        if value is None and key in BEFORE_FIELDS:
            continue
        if key not in names:
            raise InputError(_unknown_key(key, names))
        if value is not None and not all(isinstance(one, str | Path) for one in _several(value)):
            raise InputError(f"data.{key}: is a folder, a list of folders or a file (got {value!r})")
        if value is not None and not _several(value):
            raise InputError(f"data.{key}: is an empty list; it is a folder, a list of folders or a file")
    for option in ("channels", "depth", "range", "classes", "sizes"):
        said = getattr(data, option)
        for name in said if isinstance(said, Mapping) else ():
            if name not in fields:
                raise InputError(f"data.{option}.{name}: {unknown('field', name, fields)}")


def _data_names(fields: Fields) -> list[str]:
    """The keys of the data section that name folders and files: fields and sources, to train and to validate on."""
    names = list(dict.fromkeys([*fields, *sources_of(fields)]))
    return names + [VAL + name for name in names]


def _unknown_key(key: str, names: Iterable[str]) -> str:
    return f"data.{key}: {unknown('key', key, [*Data.model_fields, *names])}"


def unknown_data(values: Mapping[str, Any]) -> list[str]:
    """A sentence for each unknown key of the data section, if the method is known: for a section with other
    mistakes."""
    data, method = values.get("data"), values.get("method")
    name = method.get("name") if isinstance(method, dict) else method
    if not isinstance(data, dict) or not isinstance(name, str) or name not in components.METHODS:
        return []
    fields = components.METHODS[name].declared_fields({})
    known = _data_names(fields)
    return [_unknown_key(key, known) for key in data if key not in Data.model_fields and key not in known]


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
