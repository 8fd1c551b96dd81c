"""Validation of the generator while it trains: metrics and sample grids on images that it does not train on."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from advloss.core.allocator import give_back_freed_memory
from advloss.core.call_batching import compiled
from advloss.core.clock import Clock, follow
from advloss.core.storage.files import replacing
from advloss.core.words import once
from advloss.data import DataSet
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.random_streams import DEGRADE_EVALUATION, random
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called
from advloss.evaluation.recipe_metrics import SetMetrics, computable, measured, named_tensors
from advloss.evaluation.sample_grid import sample_grid
from advloss.evaluation.scatter import scatter
from advloss.methods.base import Method
from advloss.recipe.build import Built, BuiltMetric
from advloss.recipe.build_method import crop_sides
from advloss.recipe.formats import formats_of
from advloss.training.device_batches import DeviceBatches
from advloss.training.held_out import HeldOut, usable
from advloss.training.processes import Processes
from advloss.training.run.folder import RunFolder
from advloss.training.run.log import RunLog

T = TypeVar("T")
ROWS = 4  # of a sample grid with a column for each of several tensors
ALONE = 64  # pictures of a sample grid of one tensor
POINTS = 500  # points of each tensor, where samples are points
LARGEST = 512  # pixels a side of its pictures; the rest is cut away


class Validation:
    """Measures and draws a method on the val split, else on test. Without either it only draws, on training images."""

    def __init__(self, built: Built, data: DataSet, processes: Processes, say: Callable[[str], None]) -> None:
        self.recipe = built.recipe
        self.processes = processes
        self.batches = DeviceBatches(built, processes.device)
        self.size = None if built.method.whole else crop_sides(built.method, built.recipe).ends[1]
        self.say = once(say)
        splits = {name: data.splits[name] for name in ("val", "test") if name in data.splits}
        if built.metrics or built.recipe.samples:
            splits = {name: usable(HeldOut(name, split, self.size), built, say) for name, split in splits.items()}
        self.held_out = splits.get("val") or splits.get("test")
        self.test = splits.get("test")
        self.split = self.held_out or data.train
        metrics = built.metrics if self.held_out else {}
        self.metrics = {name: metric for name, metric in metrics.items() if self._enough(name, metric)}
        self.first = next(iter(computable(self.metrics, self.split)), None)
        trained = Clock()
        trained.iteration = 1  # what a network makes that learns is measured, whatever its range
        for metric in self.metrics.values():
            metric.measure.to(processes.device)
            follow(metric.measure, trained)
        names = built.recipe.samples
        self.samples = [name for name in names if self.split.paired or not name.startswith("partner_")]
        points = any(len(built.shapes.get(name, ())) == 2 for name in self.samples)
        self.shown = POINTS if points else ROWS if len(self.samples) > 1 else ALONE

    def measure(self, method: Method, split: Split | None = None) -> dict[str, float]:
        """Each metric over a split, by default the validation images. The processes divide the images.

        Of a metric of images it is the mean; a measure of sets has its standard error beside it. An image that can't be
        measured is left out and named, whatever the reason: it must not end a training.
        """
        split = split or self.held_out
        if split is None:
            return {}
        metrics = computable(self.metrics, split)
        if not metrics:
            return {}
        totals, count = {name: 0.0 for name, metric in metrics.items() if metric.sets is None}, 0
        sets = SetMetrics(metrics)
        with at_inference(method):
            for index, made in self._of_items(
                split, lambda item: measured(method, item, split.paired, metrics), self.processes.rank
            ):
                totals = {name: total + made.values[name] for name, total in totals.items()}
                sets.add(index, made.seen)
                count += 1
            *sums, counted = self.processes.sum([*totals.values(), float(count)])
            watched = {name: float(value) for name, value in method.watched().items()}
        if not counted:  # not one of the images can be measured
            return {}
        found = {name: total / counted for name, total in zip(totals, sums, strict=True)} | self._of_sets(sets)
        ordered = [each for name in metrics for each in (name, f"{name}_error") if each in found]
        return {name: found[name] for name in ordered} | watched

    def _enough(self, name: str, metric: BuiltMetric) -> bool:
        """Whether there are as many images as a measure of sets needs; `say` tells if not."""
        count, least = len(self.held_out or ()), metric.sets.least if metric.sets else 0
        if count < least:
            self.say(f"metrics.{name} is left out: it needs {least} images to validate on, and there are {count}")
        return count >= least

    def _of_sets(self, sets: SetMetrics) -> dict[str, float]:
        """The measures of sets of all processes' images, which the first one computes."""
        if not sets.metrics:
            return {}
        mine = sets.collected
        if self.processes.world > 1:
            mine = {key: {index: row.cpu() for index, row in rows.items()} for key, rows in mine.items()}
        shares = self.processes.gather(mine)
        names = [each for name in sets.metrics for each in (name, f"{name}_error")]
        values = dict.fromkeys(names, 0.0)
        if self.processes.first:
            sets.join(shares)
            values = sets.values(self.say)
        return dict(zip(names, self.processes.sum([values[name] for name in names]), strict=True))

    def better(self, now: Mapping[str, float], best: float | None) -> bool:
        """Whether the first metric is better than `best`: lower or higher, as it says itself. NaN is never better."""
        if self.first is None or math.isnan(value := now.get(self.first, math.nan)):
            return False
        return best is None or ((value > best) == self.metrics[self.first].higher_is_better and value != best)

    def draw(self, method: Method, iteration: int, folder: RunFolder, run_log: RunLog) -> None:
        """Writes the sample grid of this iteration; the first process does it."""
        if not self.samples or not self.processes.first:
            return
        with at_inference(method):
            shown = self._of_items(self.split, lambda item: self._row(method, item))
            rows = [row for _, row in islice(shown, self.shown)]
        if not rows:  # not one of the images can be shown
            return
        grid = drawn(rows)
        with replacing(folder.samples / f"{iteration:07d}.png") as temporary:
            Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary)
        run_log.picture("samples", grid, iteration)

    def _row(self, method: Method, item: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The named images or points of one item, on the CPU."""
        made = named_tensors(method, item, self.split.paired, self.samples)
        return {name: (middle(made[name]) if made[name].ndim == 4 else made[name]).cpu() for name in self.samples}

    def _of_items(
        self, split: Split, make: Callable[[dict[str, Tensor]], T], rank: int | None = None
    ) -> Iterator[tuple[int, T]]:
        """The number of each item, and what `make` gives of it. An item for which it fails is left out and named.

        rank: of the process whose share of the items it is; None: all items.
        """
        data, seed = self.recipe.data, self.recipe.seed
        formats = formats_of(data, split.declared)
        items = evaluation_items(split, self.size, resize=data.resize, say=self.say, formats=formats, seed=seed)
        for item in items if rank is None else islice(items, rank, None, self.processes.world):
            try:
                made = make(self.batches(item.fields, [random(DEGRADE_EVALUATION, seed, 0, item.index)]))
            except Exception as error:  # of a picture, a metric or a method: none may end a training
                names = [called(values, item.index) for values in split.images.values()] or [f"item {item.index}"]
                why = str(error).partition("\n")[0] or type(error).__name__
                self.say(f"left out of validation: {names[0]}: {why}")
                continue
            yield item.index, made


def drawn(rows: list[dict[str, Tensor]]) -> Tensor:
    """A picture of all rows: a grid of their images [1, C, H, W], or their points [1, 2] on one plane."""
    if next(iter(rows[0].values())).ndim == 4:
        return sample_grid(rows)
    return scatter({name: torch.cat([row[name] for row in rows]) for name in rows[0]})


def middle(image: Tensor, most: int = LARGEST) -> Tensor:
    """[B, C, H, W] cut to its middle `most` pixels along each axis."""
    height, width = image.shape[-2:]
    top, left = max(0, height - most) // 2, max(0, width - most) // 2
    return image[..., top : top + most, left : left + most]


class at_inference:
    """A context in which the method is in eval mode. What the method measures of its batches is cleared at the start
    and at the end."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.stack = ExitStack()

    def __enter__(self) -> None:
        if compiled(self.method):  # pictures have many sizes, and each size would be compiled
            self.stack.enter_context(torch.compiler.set_stance("force_eager"))
        self.training = self.method.training
        self.method.eval()
        self.method.forget()

    def __exit__(self, *exception: object) -> None:
        self.method.train(self.training)
        self.method.forget()
        self.stack.close()
        give_back_freed_memory()  # which pictures of many sizes took
