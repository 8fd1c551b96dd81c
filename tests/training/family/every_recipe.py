"""The recipes of the family, as small as they get: for tests of what each of them must keep.

The list is made from the recipes' folder, so that a new recipe is in it. One whose method has no row in DATA fails.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from advloss.recipe.text.source import known_recipes, read

ELSEWHERE = {"cut", "cyclegan", "pix2pix", "super_resolution", "tokenizer"}
"""Methods whose recipes have tests of their own: test_processes.py, test_cut_runs.py, runs/."""
DATA: dict[str, list[str]] = {
    "generation": ["classes"],
    "latent_autoencoder": ["classes"],
    "context_encoder": ["classes"],
    "classification": ["classes"],
    "semi_supervised": ["data.labelled=classes/train", "data.unlabelled=plain"],
    "domain_adaptation": ["data.a=classes/train", "data.b=plain"],
    "points": ["data.point=points.npy"],
}
"""By method, the words for its data in the folder that `fill` makes."""
USES: dict[str, list[str]] = {
    "sample": ["MODEL", "MADE", "--count", "3"],
    "inpaint": ["MODEL", "plain/0.png", "mask.png", "MADE"],
    "classify": ["MODEL", "plain", "--out", "MADE"],
}
USED: dict[str, tuple[str, str]] = {
    "generation": ("sample", ""),
    "latent_autoencoder": ("sample", ""),
    "semi_supervised": ("classify", ".csv"),
    "points": ("sample", ".npy"),
    "context_encoder": ("inpaint", ".png"),
    "classification": ("classify", ".csv"),
    "domain_adaptation": ("classify", ".csv"),
}
"""By method, the command that uses its models, and the extension of what it makes."""
SMALL: dict[str, Any] = {"width": 4, "bottleneck": 8, "minibatch": 4, "hold": 1, "fade": 2, "batch": 4}
"""Numbers that a recipe has in some place, and what they are here. Images keep their size, which the layers fit."""
NARROW = 16
"""Channels of a level in networks with `widths`: those of R3GAN's groups."""
ALWAYS = ["data.flip=false", "train.precision=fp64", "train.log_every=1", "train.checkpoint_every=100"]
SOONER = {"r3gan": ["losses.adversarial.augment=[{name: ada, target: null, p: 0.55}]"]}
"""What a recipe's schedule brings too late to be seen here, as it is at the schedule's end."""
ITERATIONS = 4


def family() -> list[str]:
    """All recipes but those whose method is tested elsewhere."""
    return sorted(name for name in known_recipes() if method_of(name) not in ELSEWHERE)


def method_of(recipe: str) -> str:
    """The name of a recipe's method."""
    method = read(recipe).values["method"]
    return str(method["name"] if isinstance(method, Mapping) else method)


def words(recipe: str, *more: str) -> list[str]:
    """`train` with the recipe, its data and what makes it small."""
    small = [f"{key}={value}" for key, value in smaller(read(recipe).values)]
    end = ["--iterations", str(ITERATIONS), "--device", "cpu"]
    return [
        "train",
        f"recipe={recipe}",
        *DATA[method_of(recipe)],
        *small,
        *ALWAYS,
        *SOONER.get(recipe, []),
        *more,
        *end,
    ]


def smaller(values: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers of SMALL and the lists of widths that a recipe has, by their full keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from smaller(value, f"{place}{key}.")
        elif key in SMALL:
            yield f"{place}{key}", SMALL[key]
        elif key in ("widths", "channels") and isinstance(value, list):
            yield f"{place}{key}", [NARROW if key == "widths" else 4] * len(value)


def use_of(recipe: str, model: str, made: str) -> tuple[list[str], str]:
    """The command that uses a recipe's model, and what it makes."""
    command, extension = USED[method_of(recipe)]
    filled = {"MODEL": model, "MADE": made + extension}
    return [command, *(filled.get(word, word) for word in USES[command])], made + extension


def fill(folder: Path) -> None:
    """classes/train/{x,y}: grey pictures; plain: others without classes; mask.png, a hole; points.npy."""
    rng = np.random.default_rng(0)
    for part in ("classes/train/x", "classes/train/y", "plain"):
        (folder / part).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(rng.integers(0, 256, (40, 44), np.uint8)).save(folder / part / f"{number}.png")
    hole = np.zeros((40, 44), np.uint8)
    hole[12:20, 10:30] = 255
    Image.fromarray(hole).save(folder / "mask.png")
    np.save(folder / "points.npy", rng.standard_normal((32, 2)).astype(np.float32))
