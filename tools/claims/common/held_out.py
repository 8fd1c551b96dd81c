"""What a trained model makes of images that it has not learned from, as its training's validation shows them to it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from advloss import load
from advloss.core.storage.files import replacing
from advloss.data.formats import RGB8
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.loading.scaling import scaled
from advloss.evaluation.sample_grid import sample_grid
from advloss.inference.model import Model
from advloss.recipe.build_method import crop_sides, declared_fields
from advloss.recipe.formats import formats_of
from advloss.training.processes import Processes
from advloss.training.training_data import checked_data
from tools.claims.common.runs import said

AT_ONCE = 100
"""Items that a network sees together. They are judged at inference, so that none depends on the others."""


def items(model: Model, split: str, count: int | None = None) -> Iterator[dict[str, Tensor]]:
    """The first `count` items of a split of the data that the model's recipe names: each field with a batch of one."""
    recipe, fields = model.recipe, declared_fields(model.recipe)
    opened = checked_data(recipe, Processes("cpu"), said).splits[split]
    formats, options = formats_of(recipe.data, opened.declared), recipe.data
    size = None if model.method.whole else crop_sides(model.method, recipe).ends[1]
    made = evaluation_items(opened, size, resize=options.resize, say=said, formats=formats, seed=recipe.seed)
    for item in islice(made, count):
        yield {name: scaled(x, fields.get(name), formats.get(name, RGB8)) for name, x in item.fields.items()}


def tensors(path: Path, split: str, wanted: Collection[str], count: int | None = None) -> dict[str, Tensor]:
    """The method's tensors of these names for a split's items [N, ...]. path: of the model file."""
    model = load(path)
    method = model.method.eval()
    given = list(items(model, split, count))
    parts = []
    for start in range(0, len(given), AT_ONCE):
        some = given[start : start + AT_ONCE]
        with torch.no_grad():
            parts.append(method({name: torch.cat([item[name] for item in some]) for name in some[0]}, set(wanted)))
    return {name: torch.cat([part[name] for part in parts]) for name in wanted}


def draw(path: Path, columns: Mapping[str, Tensor], rows: Sequence[int] | None = None) -> None:
    """Writes a picture: a column for each name of images [N, C, H, W] in [-1, 1], a row for each number; by default
    all. See `sample_grid`."""
    rows = range(len(next(iter(columns.values())))) if rows is None else rows
    grid = sample_grid([{name: images[row : row + 1].clamp(-1, 1) for name, images in columns.items()} for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary, "PNG", optimize=True)
