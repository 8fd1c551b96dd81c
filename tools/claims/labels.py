"""K + 1 classes: the test error with few labels, with the unlabelled images and a generator, and without them."""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from advloss.core.errors import InputError
from advloss.data.array_sets.array_file import write_array_file
from tools.claims.adaptation import spread
from tools.claims.common.plots import draw_runs
from tools.claims.common.runs import advloss, trained

RECIPE = "improved-gan-semi-small"
WAYS = {"with unlabelled": (), "without": ("losses.game.unlabelled_weight=0",)}
"""By name, the changes of the recipe. The classifier is the same in both."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with train/ and test/, each with a file of images and labels"
    )
    parser.add_argument("--labels", type=int, default=100, help="labelled images, as many of each class")
    parser.add_argument("--seeds", type=int, default=3, help="each with labelled images of its own")
    parser.add_argument("--plot", type=Path, help="the PNG file to draw: images of seed 0's generator, and the errors")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains both ways with each seed; the errors are those of the average that the model file holds."""
    train, test = (arrays(arguments.data / split) for split in ("train", "test"))
    folder: Path = arguments.work
    pictures(folder / "test", *test)
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(arguments.seeds):
        labelled = chosen(train[1], arguments.labels, seed)
        rest = np.setdiff1d(np.arange(len(train[1])), labelled)
        words = [f"recipe={RECIPE}", f"seed={seed}"]
        for name, numbers in (("labelled", labelled), ("unlabelled", rest)):
            file = folder / f"{name}-{seed}.safetensors"
            write_array_file(file, train[0][numbers], train[1][numbers], tuple("0123456789"))
            words.append(f"data.{name}={file}")
        for way, changes in WAYS.items():
            path = trained(folder, f"{way.replace(' ', '-')}-{seed}", *words, *changes, *arguments.overrides)
            errors[way].append(error(folder, path / "model.safetensors"))
    result = {way: {"error": values, **spread(values)} for way, values in errors.items()}
    if arguments.plot:
        draw_runs(arguments.plot, generated(folder), result, "error", 1)
    return result


def generated(folder: Path) -> np.ndarray:
    """Images of the generator that learned with the unlabelled ones and seed 0: uint8 [H, W, 3]."""
    model = folder / "runs" / f"{next(iter(WAYS)).replace(' ', '-')}-0" / "model.safetensors"
    advloss(folder, "sample", str(model), "samples.png", "--grid", "--count", "25", "--overwrite")
    return np.asarray(Image.open(folder / "samples.png").convert("RGB"))


def arrays(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 [N, H, W], labels int64 [N]) of the one file in a folder."""
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise InputError(f"{folder}: holds {len(files)} .safetensors files, and one is needed")
    held = load_file(files[0])
    return held["images"], held["labels"].astype(np.int64)


def chosen(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The numbers of `count` images, as many of each of the ten classes, drawn by the seed."""
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == k))[: count // 10] for k in range(10)]))


def pictures(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Writes the images as files, each named by its number and its label."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image.squeeze()).save(folder / f"{number}-{label}.png")


def error(folder: Path, model: Path) -> float:
    """The share of the test images whose class is not the one in their name."""
    advloss(folder, "classify", str(model), "test", "--out", "found.csv", "--overwrite")
    with (folder / "found.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return sum(Path(line["file"]).stem.partition("-")[2] != line["class"] for line in lines) / len(lines)
