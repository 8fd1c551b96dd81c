"""Keys of which one makes another count for nothing: the command line's key wins, or the recipe is refused."""

from collections.abc import Iterable
from typing import Any

from advloss.core.errors import InputError
from advloss.data.fields import Image, sources_of
from advloss.data.synthetic.sets import SETS
from advloss.recipe import components
from advloss.recipe.schema import Recipe
from advloss.recipe.terms import GENERATOR
from advloss.recipe.text.source import COMMAND_LINE, Key, Source


def settle(source: Source) -> None:
    """Where two keys say the same in different ways, and one of them is the command line's, sets the other to null.

    Raises InputError if both are the command line's, or neither.
    """
    _settle(source, [("train", "epochs")], [("train", "iterations")], "how long the training is")
    data = source.values.get("data")
    if isinstance(data, dict):
        _settle(source, [("data", "name")], [("data", key) for key in _own_paths(source, data)], "where the data is")


def _settle(source: Source, ones: list[Key], others: list[Key], what: str) -> None:
    ones, others = ([key for key in keys if _value(source, key) is not None] for keys in (ones, others))
    if not ones or not others:
        return
    first, second = (any(source.origin(key) == COMMAND_LINE for key in keys) for keys in (ones, others))
    if first == second:
        raise InputError(f"{'.'.join(ones[0])}: this and {_named(others)} both say {what}; leave one of them out")
    for key in others if first else ones:
        source.assign(key, None)


def _own_paths(source: Source, data: dict[str, Any]) -> list[str]:
    """The fields and sources of pictures with a path of their own. Labels and vectors may stand beside a data set."""
    method = source.values.get("method")
    name = method.get("name") if isinstance(method, dict) else method
    try:
        fields = components.METHODS[str(name)].declared_fields({})
    except (KeyError, AttributeError):  # the check of the method says what is wrong with it
        return []
    images = {key: field for key, field in fields.items() if isinstance(field, Image)}
    names = {*images, *sources_of(images)}
    return [key for key, where in data.items() if key in names and isinstance(where, str | list)]


def check_read(recipe: Recipe, source: Source) -> None:
    """Raises InputError for a key of the command line that nothing reads because of another key's value."""
    train, data, settings = recipe.train, recipe.data, recipe.optimizer.parameters
    if train.executor == "plain":
        for key in ("compile", "graphs"):
            if getattr(train, key) == "on":
                raise InputError(
                    f"train.{key}: is for fast executors, and train.executor is plain; leave one of them out"
                )
    unsized = data.resize == "none" and not any(_said(source, ("data", key)) for key in ("resize", "crop"))
    if _said(source, ("data", "load")) and unsized and data.name not in SETS:
        raise InputError("data.load: is not used, since data.resize is none; set data.resize too, or data.crop")
    players = [name for name in train.steps or {} if name != GENERATOR or name in settings]
    for key in settings:
        every = [isinstance(settings.get(name), dict) and key in settings[name] for name in players]
        if _said(source, ("optimizer", key)) and len(players) == len(train.steps or {}) and every and all(every):
            raise InputError(
                f"optimizer.{key}: every player has its own; say {_named(('optimizer', n, key) for n in players)}"
            )


def _said(source: Source, key: Key) -> bool:
    return source.origins.get(key) == COMMAND_LINE


def _value(source: Source, key: Key) -> Any:
    section = source.values.get(key[0])
    return section.get(key[1]) if isinstance(section, dict) else None


def _named(keys: Iterable[Key]) -> str:
    return ", ".join(".".join(key) for key in keys)
