"""How long an iteration of a recipe takes on this machine: a few are played, and nothing is written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from advloss.core.errors import InputError, TrainingError
from advloss.core.words import counted
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.loop import Trainer
from advloss.training.processes import Processes
from advloss.training.run.folder import RunFolder
from advloss.training.run.threads import Threads
from advloss.training.training_data import checked_data, recipe_with_formats

WARM = 2
"""Iterations that are not measured: the first ones compile and fill caches."""
LEAST, MOST = 3, 20
"""Iterations that are measured."""
SECONDS = 2.0
"""After which, with at least `LEAST` iterations, the measurement ends."""


@dataclass(frozen=True)
class Measured:
    """seconds: of an iteration, over so many `iterations`. total: iterations of the training. per_epoch: that go once
    through the data. device: `on cpu, 2 threads`."""

    seconds: float
    iterations: int
    total: int
    per_epoch: int
    device: str


def measured(words: Sequence[str], where: str, device: str | None) -> Measured:
    """Plays a few iterations of a recipe on a data set, as a training would.

    words: `recipe=NAME` and `key=value`. where: the data set's name or path. device: as for a training. Raises
    InputError for data that the recipe can't be trained on.
    """
    name, *overrides = words
    source = read(name.partition("=")[2])
    for override in overrides:
        source.override(override)
    source.assign(("data", "name"), where)
    recipe = resolve(source)
    processes = Processes(device)
    before = torch.get_num_threads()
    try:
        threads = Threads(recipe, None, processes, _ignore)
        data = checked_data(recipe, processes, _ignore)
        built = build(recipe_with_formats(recipe, data, _ignore))
        trainer = Trainer(built, data, RunFolder(Path()), processes, _ignore, threads)
        seconds, iterations = _timed(trainer)
        threads_said = f", {counted(torch.get_num_threads(), 'thread')}" if processes.device.type == "cpu" else ""
        where_run = f"on {processes.device}{threads_said}"
        return Measured(seconds, iterations, trainer.total, trainer.iterations_per_epoch, where_run)
    except TrainingError as error:
        raise InputError(str(error)) from None
    finally:
        torch.set_num_threads(before)
        processes.stop()


def _timed(trainer: Trainer) -> tuple[float, int]:
    """The seconds of an iteration, its batches too, and over how many it was measured."""
    executor, device = trainer.executor, trainer.processes.device
    batches = trainer.device_batches.batches(trainer.loader, 0)
    began, played = 0.0, 0
    while played < WARM + LEAST or (played < WARM + MOST and time.perf_counter() - began < SECONDS):
        if played == WARM:
            _wait(device)
            began = time.perf_counter()
        executor.play([next(batches) for _ in range(executor.batches_per_iteration)], played)
        played += 1
    _wait(device)
    return (time.perf_counter() - began) / (played - WARM), played - WARM


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _ignore(sentence: str) -> None:
    """Says nothing: the check of the data has said it."""
