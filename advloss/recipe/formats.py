"""The formats of a recipe's fields: those that it says, and those that are found in the files and added to it."""

from collections.abc import Mapping
from typing import Any

from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector
from advloss.data.formats import FULL, MASK, FieldFormat
from advloss.images.picture import Depth
from advloss.recipe.schema import Data, Recipe

UNKNOWN_CLASSES = ("0", "1")
"""The classes of a label if no data set was opened, as when a recipe is shown."""
UNKNOWN_SIZE = 2
"""The length of a vector, in the same way."""


def said(value: Any, name: str) -> Any:
    """The value of `data.channels`, `data.depth` or `data.range` for the field `name`; None if it says none."""
    return value.get(name) if isinstance(value, Mapping) else value


def formats_of(data: Data, fields: Fields) -> dict[str, FieldFormat]:
    """The format of every field. Images are 8-bit RGB if the recipe says no format, as in old model files."""
    return {name: _format(data, name, field) for name, field in fields.items()}


def _format(data: Data, name: str, field: object) -> FieldFormat:
    if isinstance(field, Image):
        depth: Depth = said(data.depth, name) or 8
        spread = said(data.range, name) or FULL.get(depth, (-1.0, 1.0))
        return FieldFormat(said(data.channels, name) or 3, depth, (float(spread[0]), float(spread[1])))
    if isinstance(field, Mask):
        return MASK
    if isinstance(field, Label):
        return FieldFormat(classes=tuple((data.classes or {}).get(name, UNKNOWN_CLASSES)))
    size = field.size if isinstance(field, Noise) else (data.sizes or {}).get(name, UNKNOWN_SIZE)
    return FieldFormat(size=size)


def with_formats(recipe: Recipe, fields: Fields, formats: Mapping[str, FieldFormat]) -> Recipe:
    """The recipe with these formats, by field, added to its data section."""
    images = [name for name, field in fields.items() if isinstance(field, Image)]
    written = {
        "channels": {name: formats[name].channels for name in images},
        "depth": {name: formats[name].depth for name in images},
        "range": {name: formats[name].range for name in images},
        "classes": {name: list(formats[name].classes or ()) for name in fields if isinstance(fields[name], Label)},
        "sizes": {name: formats[name].size for name in fields if isinstance(fields[name], Vector)},
    }
    update = {key: value or None for key, value in written.items()}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=update)})


def same_formats(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with the formats of `before` for all that it does not say, so that a resumed run reads files as
    before."""
    update = {}
    for option in ("channels", "depth", "range", "classes", "sizes"):
        had, says = getattr(before.data, option) or {}, getattr(recipe.data, option)
        own = says if isinstance(says, Mapping) else {} if says is None else dict.fromkeys(had, says)
        update[option] = {**had, **own} or None
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=update)})
