"""Validation of the generator while it trains: metrics and sample grids on images that it does not train on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice

import torch
from PIL import Image
from torch import Tensor

from advloss.core.allocator import give_back_freed_memory
from advloss.core.call_batching import compiled
from advloss.core.clock import Clock, follow
from advloss.core.files import replacing
from advloss.data import DataSet
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.random_streams import DEGRADE_EVALUATION, random
from advloss.data.sources.base import Split
from advloss.evaluation.recipe_metrics import computable, named_tensors, sums
from advloss.evaluation.sample_grid import sample_grid
from advloss.methods.base import Method
from advloss.recipe.build import Built
from advloss.recipe.build_method import crop_sides
from advloss.recipe.formats import formats_of
from advloss.training.device_batches import DeviceBatches
from advloss.training.processes import Processes
from advloss.training.run.folder import RunFolder
from advloss.training.run.log import RunLog

ROWS = 4  # of a sample grid with a column for each of several tensors
ALONE = 64  # pictures of a sample grid of one tensor
LARGEST = 512  # pixels a side of its pictures; the rest is cut away


class Validation:
    """Measures and draws a method on the val split, else on test. Without either it only draws, on training images."""

    def __init__(self, built: Built, data: DataSet, processes: Processes, say: Callable[[str], None]) -> None:
        self.recipe = built.recipe
        self.processes = processes
        self.batches = DeviceBatches(built, processes.device)
        self.size = None if built.method.whole else crop_sides(built.method, built.recipe).ends[1]
        self.say = say
        self.held_out = data.validation
        self.test = data.splits.get("test")
        self.split = self.held_out or data.train
        self.metrics = built.metrics if self.held_out else {}
        trained = Clock()
        trained.iteration = 1  # what a network makes that learns is measured, whatever its range
        for metric in self.metrics.values():
            metric.measure.to(processes.device)
            follow(metric.measure, trained)
        names = built.recipe.samples
        self.samples = [name for name in names if self.split.paired or not name.startswith("partner_")]

    def measure(self, method: Method, split: Split | None = None) -> dict[str, float]:
        """Each metric's mean over a split, by default the validation images. The processes divide the images."""
        split = split or self.held_out
        if split is None:
            return {}
        metrics = computable(self.metrics, split.paired)
        if not metrics:
            return {}
        mine = islice(self._items(split), self.processes.rank, None, self.processes.world)
        with at_inference(method):
            *totals, count = self.processes.sum(sums(method, mine, split.paired, metrics))
            watched = {name: float(value) for name, value in method.watched().items()}
        if not count:  # not one of the images can be read
            return {}
        return {name: total / count for name, total in zip(metrics, totals, strict=True)} | watched

    def better(self, now: Mapping[str, float], best: float | None) -> bool:
        """Whether the first metric is better than `best`."""
        first = next(iter(now), None)
        if first is None or now[first] != now[first]:
            return False
        return best is None or ((now[first] > best) == self.metrics[first].higher_is_better and now[first] != best)

    def draw(self, method: Method, iteration: int, folder: RunFolder, run_log: RunLog) -> None:
        """Writes the sample grid of this iteration; the first process does it."""
        if not self.samples or not self.processes.first:
            return
        rows = []
        with at_inference(method):
            for item in islice(self._items(self.split), ROWS if len(self.samples) > 1 else ALONE):
                made = named_tensors(method, item, self.split.paired, self.samples)
                rows.append({name: middle(made[name]).cpu() for name in self.samples})
        if not rows:  # not one of the images can be read
            return
        grid = sample_grid(rows)
        with replacing(folder.samples / f"{iteration:07d}.png") as temporary:
            Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary)
        run_log.picture("samples", grid, iteration)

    def _items(self, split: Split) -> Iterator[dict[str, Tensor]]:
        data, seed = self.recipe.data, self.recipe.seed
        formats = formats_of(data, split.declared)
        for item in evaluation_items(split, self.size, resize=data.resize, say=self.say, formats=formats, seed=seed):
            yield self.batches(item.fields, [random(DEGRADE_EVALUATION, seed, 0, item.index)])


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
