"""The recipe that a command's words ask for."""

from pathlib import Path
from typing import TYPE_CHECKING

from advloss.core.errors import InputError

if TYPE_CHECKING:
    from advloss.recipe.schema import Recipe
    from advloss.recipe.text.source import Source


def asked_recipe(words: list[str]) -> "tuple[Recipe, Source, str]":
    """The recipe that the words ask for, where its values come from, and a name for its run."""
    from advloss.data import short_name
    from advloss.recipe.resolve import resolve
    from advloss.recipe.text.source import is_override, parse_value, read

    overrides = [word for word in words if is_override(word)]
    sets = [word for word in words if not is_override(word)]
    names = [word.partition("=")[2] for word in overrides if word.startswith("recipe=")]
    if len(names) != 1:
        raise InputError("say which recipe: recipe=NAME (`advloss recipes` lists them)")
    if len(sets) > 1:
        raise InputError(f"one data set at a time: {', '.join(sets)}; anything else is key=value")
    if sets and any(word.startswith("data.name=") for word in overrides):
        raise InputError(f"{sets[0]} and data.name= both name a data set: leave one of them out")
    source = read(names[0])
    for override in overrides:
        if not override.startswith("recipe="):
            source.override(override)
    if sets:
        source.assign(("data", "name"), parse_value("data", sets[0]))
    recipe = resolve(source)
    data_name = short_name(recipe.data.name or next(iter(recipe.data.paths.values()), ["data"])[0]) or "data"
    return recipe, source, f"{Path(names[0]).stem}-{data_name}"
