"""How long iterations wait for data: with batches of the training loader, beside those on the same images."""

import statistics
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from advloss.data import open_data
from advloss.recipe.build import Built
from advloss.recipe.build_method import declared_fields
from advloss.training.device_batches import DeviceBatches
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.training_data import make_loader
from tools.benchmarks import recipes
from tools.benchmarks.measuring import measure

EACH = {"cpu": 1, "cuda": 20}
"""Iterations in a turn: on CUDA an iteration's data is made while the device works on the one before."""


def waiting(name: str, built: Built, executor: FastStep, play: measure.Action, pairs: int) -> dict[str, Any]:
    """name: a data set. play: an iteration without the loader. The median share of an iteration's time is given."""
    device = executor.device
    batches = fed(name, built, device.type)
    play_ours = recipes.as_played(executor)

    def with_loader() -> None:
        play_ours([next(batches) for _ in range(executor.batches_per_iteration)])

    measure.alternating(with_loader, play, device, 2)
    slow, fast = measure.alternating(with_loader, play, device, pairs, EACH[device.type])
    shares = [max(0.0, 1 - b / a) for a, b in zip(slow, fast, strict=True)]
    return {"set": name, "seconds": measure.spread(slow), "share_of_waiting": statistics.median(shares)}


def fed(name: str, built: Built, device: str) -> Iterator[dict[str, Tensor]]:
    """The batches of a training run on that data set, without end."""
    recipe, processes = built.recipe, Processes(device)
    data = open_data(name, declared_fields(recipe), size=recipe.data.load, seed=recipe.seed)
    return DeviceBatches(built, processes.device).batches(make_loader(built, data, processes, lambda sentence: None))
