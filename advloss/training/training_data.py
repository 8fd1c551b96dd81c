"""The data of a training: opens and checks it, and makes its loader, as the recipe says."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np

from advloss.core.errors import InputError
from advloss.data import DataSet, open_data
from advloss.data.check import check
from advloss.data.fields import Fields, Mask, from_files, made_field
from advloss.data.formats import FieldFormat
from advloss.data.found_formats import found_formats, unused_range
from advloss.data.loading.loader import Loader
from advloss.data.sampling.crops import CropSide
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called, check_crops, check_pairs
from advloss.images.reading import UnreadableImage
from advloss.losses.checks import LIMIT, SHARE
from advloss.recipe.build import Built
from advloss.recipe.build_method import crop_sides, declared_fields
from advloss.recipe.formats import formats_of, said, with_formats
from advloss.recipe.schema import Recipe
from advloss.training.processes import Processes

Say = Callable[[str], None]
LOOKED_INTO = 8
"""How many pictures of a field are read to check a range."""


def checked_data(recipe: Recipe, processes: Processes, say: Say) -> DataSet:
    """The recipe's data set, checked. The first process downloads it. Raises InputError if it can't be trained on."""
    options, fields = recipe.data, declared_fields(recipe)
    if options.name is None and not options.paths and from_files(fields):
        raise InputError(f"no data: name a set (`advloss data list`) or a folder, or give {_example(fields)}")

    def opened() -> DataSet:
        return open_data(
            options.name,
            fields,
            paths=options.paths,
            val=options.val,
            val_paths=options.val_paths,
            size=options.load,
            seed=recipe.seed,
            direction=options.direction,
        )

    if processes.first:
        data = opened()
        processes.wait()
    else:
        processes.wait()
        data = opened()
    if processes.first:
        for sentence in check(data, full=False).words():
            say(sentence)
    _check_made(recipe, data, fields, say)
    check_pairs(data.train, options.resize, options.load)
    if options.resize == "none":
        check_crops(data.train, CropSide(options.crop).ends[1])
    return data


def recipe_with_formats(recipe: Recipe, data: DataSet, say: Say) -> Recipe:
    """The recipe with the formats of the training images added, for fields whose formats it does not say. Tells the
    user if the files use less than half of a range."""
    formats = found_formats(data.train, lambda option, name: said(getattr(recipe.data, option), name))
    for sentence in unused_range(data.train, formats):
        say(sentence)
    _check_ranges(recipe, data.train, formats)
    return with_formats(recipe, declared_fields(recipe), formats)


def _check_ranges(recipe: Recipe, split: Split, formats: Mapping[str, FieldFormat]) -> None:
    """Raises InputError for a picture whose values are far outside the range that the recipe says, as the losses would
    in the first iteration. Some pictures of each field are read."""
    for name, values in split.images.items():
        if said(recipe.data.range, name) is None or isinstance(split.declared[name], Mask):
            continue
        low, high = formats[name].range
        count = len(values)
        for index in sorted({count * place // LOOKED_INTO for place in range(LOOKED_INTO)}):
            with suppress(UnreadableImage):  # the loader skips it
                pixels = values.read(index, formats[name]).astype(np.float64)
                if (np.abs((pixels - low) / (high - low) * 2 - 1) > LIMIT).mean() >= SHARE:
                    raise InputError(
                        f"data.range: {called(values, index)} has values from {pixels.min():g} to {pixels.max():g}, "
                        f"and the range of '{name}' is [{low:g}, {high:g}]; say the range of the files, or leave it out"
                    )


def _example(fields: Fields) -> str:
    return " ".join(f"data.{name}=FOLDER" for name in from_files(fields))


def _check_made(recipe: Recipe, data: DataSet, fields: Fields, say: Say) -> None:
    """Raises InputError if a field can neither be read nor made. Tells the user if the degradation is not needed."""
    made = made_field(fields)
    if made is None:
        return
    options = recipe.data
    if options.degradation is None and any(made not in split.images for split in data.splits.values()):
        (of,) = from_files(fields)
        raise InputError(
            f"data.degradation: {recipe.method.name} needs small pictures, and {data.name} has none: say how they are "
            f"made, data.degradation=bicubic, or where they are, data.{made}=SMALL data.{of}=LARGE"
        )
    if options.degradation is not None and made in data.train.images:
        say(f"the small pictures come from data.{made}: data.degradation makes none for training")


def make_loader(built: Built, data: DataSet, processes: Processes, say: Callable[[str], None]) -> Loader:
    """The loader of the training images, as the recipe's `data` says."""
    recipe = built.recipe
    options, crop = recipe.data, crop_sides(built.method, recipe)
    alike = options.model_dump(include={"load", "resize", "flip", "rotate", "augment", "batch", "workers", "memory"})
    return Loader(
        data.train,
        **alike,
        crop=options.crop,
        per_iteration=crop.per_iteration,
        multiple=crop.multiple,
        formats=formats_of(options, data.train.declared),
        degradation=built.degradation,
        seed=recipe.seed,
        rank=processes.rank,
        world=processes.world,
        say=say,
        device=processes.device,
    )
