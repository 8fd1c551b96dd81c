"""Which classes a generator of digits makes, and how often, by a classifier that is trained here too."""

import argparse
import csv
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError
from tools.claims.common.runs import advloss, measured, trained

RECIPES = ("dcgan-small", "wgan-gp-small", "lsgan-small", "r3gan-small")
CLASSIFIER = "classifier-small"
LEAST_ACCURACY = 0.98
"""Of the classifier, on images that it has not learned from; else its judgement is not asked for."""
LEAST_SHARE = 0.01
"""Of the images, that a class has if the generator covers it; an equal share of ten is 0.1."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--recipes", nargs="+", default=[*RECIPES], metavar="RECIPE")
    parser.add_argument("--data", nargs="+", default=["digits"], metavar="SET", help="data sets with ten classes")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each recipe")
    parser.add_argument("--count", type=int, default=2000, help="images that are made and classified")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all the generators' recipes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains the classifier, then each recipe, on each data set."""
    found: dict[str, Any] = {}
    results: dict[str, Any]
    for data in arguments.data:
        judge, accuracy = classifier(arguments.work, data)
        found[Path(data).name] = results = {"classifier_accuracy": accuracy}
        for recipe in arguments.recipes:
            results[recipe] = [generated(arguments, recipe, data, seed, judge) for seed in range(arguments.seeds)]
    return found


def classifier(folder: Path, data: str) -> tuple[Path, float]:
    """The classifier's model file, and its accuracy. Raises InputError below LEAST_ACCURACY."""
    path = trained(folder, f"{CLASSIFIER}-{Path(data).name}", f"recipe={CLASSIFIER}", data)
    accuracy = (measured(path, "test") or measured(path, "validation"))[-1]
    value = float((accuracy.get("test") or accuracy["validation"])["accuracy"])
    if value < LEAST_ACCURACY:
        raise InputError(f"the classifier of {data} is right in {value:.1%} of the images, and is no judge")
    return path / "model.safetensors", value


def generated(arguments: argparse.Namespace, recipe: str, data: str, seed: int, judge: Path) -> dict[str, Any]:
    """The figures of one generator."""
    name = f"{recipe}-{Path(data).name}-{seed}"
    trained(arguments.work, name, f"recipe={recipe}", data, f"seed={seed}", *arguments.overrides)
    return {"seed": seed, **judged(arguments.work, name, arguments.count, judge)}


def judged(folder: Path, run: str, count: int, judge: Path) -> dict[str, Any]:
    """What the classifier says of `count` images of a run's model; the first 100 of them are drawn in RUN.png."""
    model, images, table = f"runs/{run}/model.safetensors", folder / f"{run}-images", folder / f"{run}.csv"
    shutil.rmtree(images, ignore_errors=True)
    advloss(folder, "sample", model, str(images), "--count", str(count))
    advloss(folder, "sample", model, f"{run}.png", "--grid", "--count", "100", "--overwrite")
    advloss(folder, "classify", str(judge), str(images), "--out", str(table), "--overwrite")
    with table.open(newline="", encoding="utf-8") as file:
        lines = [(line["class"], float(line["probability"])) for line in csv.DictReader(file)]
    counts = Counter(label for label, _ in lines)
    sure = sum(probability >= 0.9 for _, probability in lines) / len(lines)
    return {**figures([counts[str(digit)] for digit in range(10)]), "sure": sure}


def figures(counts: Sequence[int]) -> dict[str, Any]:
    """counts: of the images of each class. covered: how many classes have at least LEAST_SHARE of all; kl: of the
    shares from equal ones, in nats."""
    shares = [count / sum(counts) for count in counts]
    kl = sum(share * math.log(share * len(shares)) for share in shares if share)
    return {"counts": [*counts], "covered": sum(share >= LEAST_SHARE for share in shares), "kl": kl}
