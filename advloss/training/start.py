"""From a checked recipe to a running one: data, objects, folder."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

from advloss.core.distributed import broadcast
from advloss.core.errors import InputError
from advloss.data import DataSet, open_data
from advloss.data.check import check
from advloss.data.sampling.crops import check_crop_fits
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import check_pairs
from advloss.data.sources.shards import looked_at
from advloss.images.reading import UnreadableImage
from advloss.recipe import components
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import load_initial
from advloss.recipe.schema import Recipe
from advloss.training.loop import Trainer
from advloss.training.processes import Processes
from advloss.training.run_folder import RunFolder

Say = Callable[[str], None]


def train(recipe: Recipe, path: Path, *, resume: bool, device: str | None, say: Say) -> Path | None:
    """Trains `recipe` in the run folder `path`; gives its model file (in the first process).

    say: shows a line to the person who waits.

    Raises InputError before the first round, TrainingError and Interrupted during training.
    """
    folder = RunFolder(path)
    folder.check(recipe, resume)
    processes = Processes(device)
    try:
        say = say if processes.first else lambda sentence: None
        data = checked_data(recipe, processes, say)
        built = build(recipe)
        if not (resume and folder.checkpoint.exists()):
            load_initial(built.method, recipe)
        broadcast(built.method)
        broadcast(built.terms)
        trainer = Trainer(built, data, folder, processes, say)
        if resume:
            trainer.resume()
        for line in plan(trainer):
            say(line)
        trainer.prepare()
        if processes.first:
            folder.create(recipe)
        processes.wait()
        model = trainer.run()
        return model if processes.first else None
    finally:
        processes.stop()


def rehearse(recipe: Recipe, device: str | None, say: Say) -> tuple[Built, list[str]]:
    """All of the checks that `train` makes, without a folder or a round; gives the objects and the plan in words."""
    processes = Processes(device)
    try:
        data = checked_data(recipe, processes, say)
        built = build(recipe)
        load_initial(built.method, recipe)
        trainer = Trainer(built, data, RunFolder(Path()), processes, say)
        trainer.prepare()
        return built, plan(trainer)
    finally:
        processes.stop()


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


def _idle(trainer: Trainer) -> list[str]:
    """A sentence where the schedule ends long before the training does."""
    last = trainer.total - max(1, trainer.total // 10)
    if trainer.schedule(last, trainer.rounds_per_epoch) > 0:
        return []
    return ["the schedule's learning rate is 0 in the last tenth of these rounds: make it as long as the training"]


def plan(trainer: Trainer) -> list[str]:
    """What is about to happen, in words."""
    generator = sum(p.numel() for p in trainer.built.method.parameters())
    adversaries = sum(p.numel() for p in trainer.built.terms.parameters() if p.requires_grad)
    threads = f", {torch.get_num_threads()} threads" if trainer.processes.device.type == "cpu" else ""
    epochs = trainer.total / trainer.rounds_per_epoch
    return [
        f"{trainer.total} rounds ({epochs:.4g} epochs of {trainer.rounds_per_epoch}), from round {trainer.done + 1}"
        if trainer.done
        else f"{trainer.total} rounds ({epochs:.4g} epochs of {trainer.rounds_per_epoch})",
        f"generators {generator / 1e6:.2f} M parameters, discriminators {adversaries / 1e6:.2f} M, "
        f"{trainer.round.words} on {trainer.processes.device}{threads}",
        *_idle(trainer),
    ]
