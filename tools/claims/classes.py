"""Whether images of a class are of that class, by a classifier that is trained here too."""

import argparse
import csv
import shutil
from pathlib import Path
from typing import Any

from tools.claims.common.runs import advloss, trained
from tools.claims.modes import classifier

CLASSES = 10


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--recipes", nargs="+", default=["cgan-small"], metavar="RECIPE")
    parser.add_argument("--data", default="digits", help="a data set with ten classes")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each recipe")
    parser.add_argument("--count", type=int, default=2000, help="images that are made, as many of each class")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all the generators' recipes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains the classifier, then each recipe. Image i is asked to be of class i modulo 10, as `sample` has it; the
    first 100 are drawn in rows of ten, so that a column is of one class."""
    judge, accuracy = classifier(arguments.work, arguments.data)
    found: dict[str, Any] = {"classifier_accuracy": accuracy}
    for recipe in arguments.recipes:
        found[recipe] = [asked(arguments, recipe, seed, judge) for seed in range(arguments.seeds)]
    return found


def asked(arguments: argparse.Namespace, recipe: str, seed: int, judge: Path) -> dict[str, Any]:
    """The figures of one generator."""
    folder: Path = arguments.work
    name = f"{recipe}-{Path(arguments.data).name}-{seed}"
    path = trained(folder, name, f"recipe={recipe}", arguments.data, f"seed={seed}", *arguments.overrides)
    model, images = str(path / "model.safetensors"), folder / f"{name}-images"
    shutil.rmtree(images, ignore_errors=True)
    advloss(folder, "sample", model, str(images), "--count", str(arguments.count))
    advloss(folder, "sample", model, f"{name}.png", "--grid", "--count", "100", "--overwrite")
    table = folder / f"{name}.csv"
    advloss(folder, "classify", str(judge), str(images), "--out", str(table), "--overwrite")
    with table.open(newline="", encoding="utf-8") as file:
        judged = [(int(Path(line["file"]).stem) % CLASSES, int(line["class"])) for line in csv.DictReader(file)]
    return {"seed": seed, **figures(judged)}


def figures(judged: list[tuple[int, int]]) -> dict[str, Any]:
    """judged: for each image the class that was asked for, and the one that the classifier sees. right: the share of
    images in which both are one; by_class: the same of each class."""
    hits: list[list[bool]] = [[] for _ in range(CLASSES)]
    for wanted, seen in judged:
        hits[wanted].append(wanted == seen)
    right = sum(wanted == seen for wanted, seen in judged) / len(judged)
    return {"right": right, "by_class": [sum(each) / len(each) if each else None for each in hits]}
