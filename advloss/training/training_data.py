"""The data of a training: opened, looked through, made into batches as the recipe says."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from advloss.core.errors import InputError
from advloss.data import DataSet, open_data
from advloss.data.check import check
from advloss.data.loading.loader import Loader
from advloss.data.sampling.crops import check_crop_fits
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import check_pairs
from advloss.data.sources.shards import looked_at
from advloss.images.reading import UnreadableImage
from advloss.recipe import components
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from advloss.training.processes import Processes

Say = Callable[[str], None]


def checked_data(recipe: Recipe, processes: Processes, say: Say) -> DataSet:
    """The recipe's data set, fetched by the first process and looked through; InputError if it can't be trained on."""
    options = recipe.data
    if options.name is None and (options.a is None or options.b is None):
        raise InputError("no data: name a set (`advloss data list`) or a folder, or give data.a=FOLDER data.b=FOLDER")
    method = components.METHODS[recipe.method.name]
    scale = int(recipe.method.parameters.get("scale", 1))

    def opened() -> DataSet:
        return open_data(
            options.name,
            a=options.a,
            b=options.b,
            val=options.val,
            kind=method.data,
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
        for sentence in check(data, full=False, scale=scale).words():
            say(sentence)
    if method.degrades and options.degradation is None and any(split.a is None for split in data.splits.values()):
        raise InputError(
            f"data.degradation: {recipe.method.name} needs small pictures, and {data.name} has none: say how they are "
            "made, data.degradation=bicubic, or where they are, data.a=SMALL data.b=LARGE"
        )
    if options.degradation is not None and data.train.a is not None:
        say("the small pictures come from data.a: data.degradation makes none for training")
    check_pairs(data.train, options.resize, options.load, scale)
    if options.resize == "none":
        splits = [data.train] if method.whole else data.splits.values()
        for split in splits:
            _check_crops(split, {"a": options.crop // scale, "b": options.crop})
    return data


def _check_crops(split: Split, crops: Mapping[str, int]) -> None:
    """Raises InputError for the first picture that is too small, rather than in the middle of an epoch."""
    for letter, side in split.sides.items():
        for index in looked_at(side):
            with suppress(UnreadableImage):  # is skipped when its turn comes
                check_crop_fits(str(side.path(index) or side.name(index)), side.size(index), crops[letter])


def make_loader(built: Built, data: DataSet, processes: Processes, say: Callable[[str], None]) -> Loader:
    """The loader of the training images, as the recipe's `data` says."""
    options = built.recipe.data
    return Loader(
        data.train,
        load=options.load,
        crop=options.crop,
        resize=options.resize,
        flip=options.flip,
        rotate=options.rotate,
        scale=built.method.scale,
        degradation=built.degradation,
        augment=options.augment,
        batch=options.batch,
        seed=built.recipe.seed,
        rank=processes.rank,
        world=processes.world,
        workers=options.workers,
        memory=options.memory,
        say=say,
        device=processes.device,
    )
