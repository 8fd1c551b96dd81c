"""Points in the plane: how near a generator's come to the data's, on each of the four sets."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from advloss.data.synthetic.points import GRID_STD, POINT_SETS, grid_centres, ring_centres
from advloss.evaluation.scatter import scatter
from advloss.theory.distances import sliced_w1
from advloss.theory.ring import STD, covered, shares_of_modes
from tools.claims.common.runs import advloss, trained

CENTRES = {"ring": (ring_centres(), STD), "grid": (grid_centres(), GRID_STD)}
"""Of the sets that are Gaussians: their centres, and their standard deviation."""
COUNT = 2000
SHOWN = 500
SIDE = 240
"""Pixels of each set's picture."""
COLOURS = 16


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--data", nargs="+", choices=POINT_SETS, default=[*POINT_SETS])
    parser.add_argument("--seeds", type=int, default=1, help="runs on each set")
    parser.add_argument("--picture", type=Path, help="a PNG of the points of seed 0, the sets side by side")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains the recipe `points` on each set with each seed."""
    found: dict[str, Any] = {}
    pictures = []
    for data in arguments.data:
        real, more = (POINT_SETS[data](np.random.default_rng(number), COUNT) for number in (1, 2))
        made = [sampled(arguments, data, seed) for seed in range(arguments.seeds)]
        found[data] = {
            "distance": [sliced_w1(points, real) for points in made],
            "distance_of_two_real_samples": sliced_w1(more, real),
        }
        if data in CENTRES:
            found[data] |= modes(made, data)
        sets = {"made": torch.from_numpy(made[0][:SHOWN]), data: torch.from_numpy(real[:SHOWN])}
        pictures.append(Image.fromarray(scatter(sets).permute(1, 2, 0).numpy()))
    if arguments.picture:
        beside(pictures).save(arguments.picture, optimize=True)
    return found


def sampled(arguments: argparse.Namespace, data: str, seed: int) -> np.ndarray:
    """COUNT points [COUNT, 2] of a generator that was trained on the set."""
    folder, name = arguments.work, f"points-{data}-{seed}"
    path = trained(folder, name, "recipe=points", data, f"seed={seed}", *arguments.overrides)
    model = str(path / "model.safetensors")
    advloss(folder, "sample", model, f"{name}.npy", "--count", str(COUNT), "--overwrite")
    return np.load(folder / f"{name}.npy")


def modes(made: list[np.ndarray], data: str) -> dict[str, Any]:
    """How many modes each run covers, and the share of its points within 3 standard deviations of one."""
    centres, std = CENTRES[data]
    shares = [shares_of_modes(torch.from_numpy(points), torch.from_numpy(centres).float(), std) for points in made]
    return {"modes": [covered(each) for each in shares], "near_a_mode": [sum(each) for each in shares]}


def beside(pictures: list[Image.Image]) -> Image.Image:
    """The pictures in a row, smaller, in few colours."""
    small = [each.resize((SIDE, round(each.height * SIDE / each.width)), Image.Resampling.LANCZOS) for each in pictures]
    row = Image.new("RGB", (SIDE * len(small), small[0].height), "white")
    for number, each in enumerate(small):
        row.paste(each, (SIDE * number, 0))
    return row.quantize(COLOURS)
