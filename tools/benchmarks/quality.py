"""Whether bf16 trains as well as float32: the same small recipes from the same seeds, in both."""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advloss.core.devices import fast_bf16
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import read
from advloss.training.start import train
from tools.benchmarks.measuring import measure
from tools.benchmarks.measuring.emulated import EmulatedBF16

# name: (data set, what else is changed). data.load is the size that pictures are drawn at. The adversary of vqgan-small
# would begin after these few iterations.
RECIPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cyclegan-small": ("stripes", ()),
    "pix2pix-small": ("facades-like", ()),
    "srgan-small": ("stripes", ("data.load=96",)),
    "vqgan-small": (
        "facades-like",
        (
            "data.load=64",
            "losses.adversarial.start=100",
            "losses.adversarial.ramp=50",
            "losses.adversarial.discriminator_start=50",
        ),
    ),
}
BEFORE: Mapping[str, str] = {"srgan-small": "srresnet-small"}
"""Recipes that make another's `initial`: from random weights srgan-small's losses jump, in float32 too."""
LAST = 50
"""Iterations at the end, over which losses are averaged."""
NO_DISTANCE = ("adversarial", "value")
"""Losses that are no distance between pictures: the adversarial ones, and the bottleneck's."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--recipes", choices=list(RECIPES), nargs="+", default=list(RECIPES))
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each precision, whose means are compared")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="changes of all recipes, and of those that make an initial"
    )


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains each recipe in fp32 and in bf16."""
    device = measure.chosen_device(arguments.device)
    emulated = not fast_bf16(device)
    found = {}
    for name in arguments.recipes:
        runs: dict[str, list[dict[str, float]]] = {"fp32": [], "bf16": []}
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                data, changes = RECIPES[name]
                changes += beginning(name, seed, Path(folder), arguments)
                for precision, results in runs.items():
                    recipe = resolved(name, precision, seed, arguments, data, changes)
                    mode = EmulatedBF16() if precision == "bf16" and emulated else contextlib.nullcontext()
                    with mode:
                        results.append(trained(recipe, Path(folder) / precision, arguments.device))
        found[name] = {"set": data} | compared(runs["fp32"], runs["bf16"], distances(recipe))
    return {
        "iterations": arguments.iterations,
        "averaged_over_the_last": min(LAST, arguments.iterations),
        "seeds": arguments.seeds,
        "bf16_is": "emulated: products in float32, rounded to bf16" if emulated else "the device's",
        "recipes": found,
    }


def beginning(name: str, seed: int, folder: Path, arguments: argparse.Namespace) -> tuple[str, ...]:
    """Trains in float32 what the recipe goes on from, if anything, in `folder`; gives the recipe's change."""
    if name not in BEFORE:
        return ()
    path = folder / "before"
    trained(resolved(BEFORE[name], "fp32", seed, arguments, *RECIPES[name]), path, arguments.device)
    return (f"initial={path / 'model.safetensors'}",)


def resolved(
    name: str, precision: str, seed: int, arguments: argparse.Namespace, data: str, changes: tuple[str, ...]
) -> Recipe:
    """The recipe, which logs each iteration and looks at its test pictures once, at the end."""
    iterations = arguments.iterations
    seldom = [
        f"train.{key}={iterations}" for key in ("iterations", "sample_every", "validate_every", "checkpoint_every")
    ]
    settings = [f"data.name={data}", f"train.precision={precision}", f"seed={seed}", "train.log_every=1", *seldom]
    source = read(name)
    for override in (*settings, *changes, *arguments.overrides):
        source.override(override)
    return resolve(source)


def distances(recipe: Recipe) -> list[str]:
    """The reconstruction, cycle and identity losses."""
    return [name for name, term in recipe.losses.items() if term and term.loss not in NO_DISTANCE]


def trained(recipe: Recipe, path: Path, device: str) -> dict[str, float]:
    """Trains it as `advloss train` does, into `path`; gives the mean of each loss at the end and the test metrics."""
    train(recipe, path, resume=False, device=device, say=lambda sentence: None)
    lines = [json.loads(line) for line in (path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return at_the_end(lines)


def at_the_end(lines: list[dict[str, Any]]) -> dict[str, float]:
    """lines: of a log. {"losses.cycle_a": its mean over the last iterations, "test.psnr": ...}."""
    logged = [line["losses"] for line in lines if "losses" in line][-LAST:]
    means = {f"losses.{name}": statistics.fmean(line[name] for line in logged) for name in logged[-1]}
    test = next(line["test"] for line in reversed(lines) if "test" in line)
    return means | {f"test.{name}": value for name, value in test.items()}


def compared(exact: list[dict[str, float]], rounded: list[dict[str, float]], distances: list[str]) -> dict[str, Any]:
    """The means over the seeds, and by how much bf16's are larger: losses relative, metrics as they are."""
    result: dict[str, Any] = {"losses": {}, "test": {}}
    for name in exact[0]:
        fp32, bf16 = ([run[name] for run in runs] for runs in (exact, rounded))
        kind, _, what = name.partition(".")
        result[kind][what] = differing(fp32, bf16, relative=kind == "losses")
    largest = max(distances, key=lambda name: abs(result["losses"][name]["relative_difference"]))
    return result | {
        "distances": distances,
        "largest_relative_difference": abs(result["losses"][largest]["relative_difference"]),
    }


def differing(fp32: list[float], bf16: list[float], relative: bool) -> dict[str, float]:
    """Seed by seed the same number in both; with more than one seed also the standard error of the difference."""
    means = {"fp32": statistics.fmean(fp32), "bf16": statistics.fmean(bf16)}
    unit = means["fp32"] if relative else 1.0
    differences = [(rounded - exact) / unit for exact, rounded in zip(fp32, bf16, strict=True)]
    found = means | {"relative_difference" if relative else "difference": statistics.fmean(differences)}
    if len(differences) > 1:
        found["standard_error"] = statistics.stdev(differences) / len(differences) ** 0.5
    return found
