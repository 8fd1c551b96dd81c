"""A resolved recipe for people to read: every value, and where it was written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from advloss.recipe.text.source import Key, Source

if TYPE_CHECKING:  # `advloss recipes` needs no torch
    from advloss.recipe.schema import Recipe


def rows(recipe: "Recipe", source: Source) -> list[list[str]]:
    """Lines of key, value, origin (`recipes/cyclegan.yaml:7`, `command line` or `default`)."""
    return [
        [".".join(key), "null" if value is None else str(value), _origin(key, source)]
        for key, value in _leaves(recipe.plain(), ())
    ]


def headline(path: Path) -> str:
    """A recipe's first comment: the paper it follows."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _leaves(values: Any, key: Key) -> list[tuple[Key, Any]]:
    if not isinstance(values, dict) or not values:
        return [(key, values)]
    return [leaf for name, value in values.items() for leaf in _leaves(value, (*key, str(name)))]


def _origin(key: Key, source: Source) -> str:
    """The origin of a key, or of the part that contains it if that was written as a whole (`[..]`, `name` alone)."""
    if key in source.origins:
        return source.origins[key]
    written: Any = source.values
    for part in key:
        if isinstance(written, list) or (isinstance(written, str) and part == "name"):
            break
        if not isinstance(written, dict) or part not in written:
            return "default"
        written = written[part]
    return source.origin(key) or "default"
