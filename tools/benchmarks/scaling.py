"""How a recipe's cost grows: iterations/s and peak memory over the batch, and over the images' size; with one plot."""

import argparse
import gc
from pathlib import Path
from typing import Any

import torch

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.training.fast.step import FastStep
from advloss.training.precision import Precision
from tools.benchmarks import recipes
from tools.benchmarks.measuring import floors, measure

BATCHES = (1, 2, 4, 8, 16, 32, 64)
SIZES = (64, 128, 256, 512)
LEAST_ITERATIONS = 2


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    recipes.options(parser, recipe="cyclegan-small", size=64)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="at --size")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="in pixels, at --batch")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each setting; two iterations at least")
    parser.add_argument("--plot", type=Path, help="the PNG file to draw")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each setting by itself, one after the other; what does not fit into a GPU's memory is left out and said so."""
    pyplot = _pyplot() if arguments.plot else None
    device = measure.chosen_device(arguments.device)
    base = vars(arguments)
    over = {
        "batch": [measured(argparse.Namespace(**base | {"batch": batch})) for batch in arguments.batches],
        "size": [measured(argparse.Namespace(**base | {"size": size})) for size in arguments.sizes],
    }
    if pyplot:
        draw(pyplot, over, arguments)
    return {"precision": Precision(arguments.precision, device).name, "recipe": arguments.recipe, "over": over}


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """One setting."""
    device = measure.chosen_device(arguments.device)
    setting = {"batch": arguments.batch, "size": arguments.size}
    recipe = recipes.resolved(arguments)
    gc.collect()  # what the setting before has left
    if device.type == "cuda":
        torch.cuda.empty_cache()
    measure.reset_peak(device)
    try:
        executor = FastStep(recipes.ready(recipe, device), device)
        batches = recipes.random_batches(recipe, device)
        play = recipes.as_played(executor)
        first = min(measure.seconds(lambda: play(batches), device, LEAST_ITERATIONS))
        count = max(LEAST_ITERATIONS, int(arguments.seconds / first))
        times = measure.seconds(lambda: play(batches), device, count)
        memory = floors.memory(device)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return setting | {"left_out": f"out of memory ({type(error).__name__})"}
    median = measure.spread(times)["median"]
    return setting | {"iterations_per_second": 1 / median, "images_per_second": recipe.data.batch / median} | memory


def _pyplot() -> Any:
    try:
        import matplotlib  # late: an extra
    except ImportError:
        raise InputError("--plot: needs matplotlib, which is not installed: pip install '.[theory]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def draw(pyplot: Any, over: dict[str, list[dict[str, Any]]], arguments: argparse.Namespace) -> None:
    """Iterations/s, above, and memory, below, over the batch, left, and over the size, right."""
    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained", sharex="col")
    at = {"batch": f"batch, at {arguments.size} px", "size": f"size in px, at batch {arguments.batch}"}
    for column, (name, settings) in enumerate(over.items()):
        fits = [each for each in settings if "iterations_per_second" in each]
        x = [each[name] for each in fits]
        speed, memory = axes[:, column]
        speed.loglog(x, [each["iterations_per_second"] for each in fits], "o-")
        memory.loglog(x, [each["peak_memory_bytes"] / 2**30 for each in fits], "o-")
        speed.set_ylabel("iterations/s")
        memory.set_ylabel("peak memory in GiB")
        memory.set_xlabel(at[name])
        memory.set_xticks(x, [str(each) for each in x])
        for axis in (speed, memory):
            axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter(pyplot.LogFormatter(minor_thresholds=(1.5, 0.5), labelOnlyBase=False))
            axis.grid(which="both", alpha=0.3)
    figure.suptitle(f"{arguments.recipe}, {arguments.device}")
    arguments.plot.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.plot) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    pyplot.close(figure)
