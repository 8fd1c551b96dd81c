"""A recipe's text: found by name, read with the line of every value, changed by `key=value`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError, unknown
from advloss.core.storage.reading import read_file
from advloss.recipe.text.yaml_text import BYTES_MOST, Key, read_yaml

COMMAND_LINE = "command line"
SHOWN = 200
"""How many characters of a value messages show."""


@dataclass
class Source:
    """A recipe before it is checked: nested plain values, and where each of them was written.

    `origins` maps a value's key to `recipes/cyclegan.yaml:7` or `command line`; a key that is missing has its default.
    """

    path: str
    values: dict[str, Any]
    origins: dict[Key, str] = field(default_factory=dict)

    def origin(self, key: Key) -> str | None:
        """Where the value at `key` was written: its own place, or that of the nearest part above it."""
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key[:-1]
        return None

    def override(self, text: str) -> None:
        """Applies one `key=value` of the command line; see `parse_value` for what a value may be."""
        name, _, value = text.partition("=")
        self.assign(tuple(name.split(".")), parse_value(name, value))

    def assign(self, key: Key, value: Any, origin: str = COMMAND_LINE) -> None:
        """Sets the value at `key`, and makes the mappings above it that are missing."""
        parts = self.values
        for depth, part in enumerate(key[:-1], 1):
            inner = parts.get(part)
            if isinstance(inner, str) and part in ("method", "optimizer", "schedule", "objective"):
                inner = parts[part] = {"name": inner}  # the short form of a component
            if isinstance(inner, str) and part == "initial":  # that of one file, which files for parts replace
                inner = parts[part] = {"file": inner} if key[depth:] == ("strict",) else {}
            if inner is None:
                inner = parts[part] = {}
                self.origins[key[:depth]] = origin
            if not isinstance(inner, dict):
                raise InputError(f"{'.'.join(key)}: '{'.'.join(key[:depth])}' is a single value, it has no keys")
            parts = inner
        parts[key[-1]] = value
        for known in [known for known in self.origins if known[: len(key)] == key]:
            del self.origins[known]
        self.origins[key] = origin


def parse_value(name: str, text: str) -> Any:
    """A value of the command line. `null` is None, `[..]` and `{..}` are YAML. All else stays text until the recipe's
    types convert it, since YAML reads `010` as 8, `1e-4` as text, `no` as false and `12:30` as 750."""
    if text == "null":  # and not "none", which is the name of a norm and of a resize
        return None
    if not text.startswith(("[", "{")):
        return text
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return read_yaml(text, lambda line, why: InputError(f"{name}: {shown} is not valid YAML ({why})"))


def folders() -> list[Path]:
    """Where recipes are looked for by name: `./recipes`, then those that came with the package."""
    package = Path(__file__).resolve().parents[2]
    shipped = package / "recipes"
    return [Path("recipes"), shipped if shipped.is_dir() else package.parent / "recipes"]


def known_recipes() -> dict[str, Path]:
    """Every recipe by name. One in `./recipes` is taken before one of the same name in the package."""
    return {path.stem: path for folder in reversed(folders()) for path in sorted(folder.glob("*.yaml"))}


def read(name: str) -> Source:
    """The recipe `name`: a path to a YAML file, or a name from `known_recipes`."""
    recipes = known_recipes()
    path = Path(name) if name.endswith((".yaml", ".yml")) else recipes.get(name)
    if path is None:
        raise InputError(f"recipe={name}: {unknown('recipe', name, recipes)}; a path ends in .yaml")
    try:
        text = read_file(path, BYTES_MOST).decode()
    except InputError as error:
        raise InputError(f"recipe={name}: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"recipe={name}: {path}: can't be read ({error})") from None
    return parse(text, shorten(path))


def shorten(path: Path) -> str:
    """A recipe's path for messages: `recipes/cyclegan.yaml`, in any folder."""
    return "/".join(path.parts[-2:])


def parse(text: str, path: str) -> Source:
    """A recipe's YAML text, with the line of every value."""
    source = Source(path, {})

    def refused(line: int | None, why: str) -> InputError:
        said = why if why.endswith("written twice") else f"not valid YAML for a recipe ({why})"
        return InputError(f"{path}{'' if line is None else f':{line}'}: {said}")

    def seen(key: Key, line: int) -> None:
        source.origins[key] = f"{path}:{line}"

    values = read_yaml(text, refused, seen)
    if not isinstance(values, dict):
        raise InputError(f"{path}: a recipe is a mapping with keys such as method, networks and losses")
    source.values = values
    return source


OVERRIDE = re.compile(r"^[A-Za-z_][^=/\\\s]*=")


def is_override(text: str) -> bool:
    """Whether a word of the command line is `key=value`. Its key may be unknown. A path can be written with ./
    first."""
    return bool(OVERRIDE.match(text))
