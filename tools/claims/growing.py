"""Progressive growing: the losses where a size fades in, beside those where it comes at once, and an exact resume."""

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss import load
from advloss.core.errors import InputError
from tools.claims.common.held_out import draw
from tools.claims.common.runs import measured, trained

RECIPE = "progan-small"
PARTS = ("networks.generator", "losses.adversarial.discriminator")
NEAR = 10
"""Iterations before and after a switch, whose losses are looked at."""
SHOWN = 6
"""Rows of the picture."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--data", default="digits", help="a data set of images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hold", type=int, default=250, help="iterations at each size, and of each fade")
    parser.add_argument("--sizes", type=int, default=4, help="of the recipe, the first of 4 pixels")
    parser.add_argument("--plot", type=Path, help="the PNG file to draw: samples at the end of each size")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains with fades, stopped at the end of each size and resumed; with sizes that come at once; and up to the
    end of the second size, stopped in the middle of the first fade instead."""
    if arguments.sizes < 3:
        raise InputError(f"--sizes {arguments.sizes}: at least 3 are needed, since the second is compared when it ends")
    each = arguments.hold
    ends = [each * (2 * size + 1) for size in range(arguments.sizes)]
    last = each * (2 * arguments.sizes + 2)
    fade, columns = timing(each, each), {}
    for size, end in enumerate([*ends[:-1], last]):
        path = grown(arguments, "fading", end, *fade)
        columns[f"{4 << size} pixels"] = samples(path / "model.safetensors")
        if size == 1:
            whole = (path / "model.safetensors").read_bytes()
    if arguments.plot:
        draw(arguments.plot, columns)
    for end in (each + each // 2, ends[1]):
        cut = grown(arguments, "cut", end, *fade)
    at_once = grown(arguments, "at-once", ends[-1], *timing(2 * each, 0))
    starts = [each * (2 * size + 1) for size in range(arguments.sizes - 1)]
    return {
        "iterations": last,
        "fade begins": jumps(path, starts),
        "fade ends": jumps(path, [start + each for start in starts]),
        "size comes at once": jumps(at_once, [start + each for start in starts]),
        "resumed within a fade": {
            "stopped": each + each // 2,
            "same_bytes": (cut / "model.safetensors").read_bytes() == whole,
        },
    }


def timing(hold: int, fade: int) -> tuple[str, ...]:
    """The changes of the recipe for so many iterations at a size and from one to the next."""
    return tuple(f"{part}.{key}={value}" for part in PARTS for key, value in (("hold", hold), ("fade", fade)))


def grown(arguments: argparse.Namespace, name: str, iterations: int, *changes: str) -> Path:
    """Trains, or goes on, up to so many iterations; each one is logged. Gives the run's folder."""
    words = [f"recipe={RECIPE}", arguments.data, f"seed={arguments.seed}", "train.log_every=1", *changes]
    return trained(arguments.work, name, *words, *arguments.overrides, "--iterations", str(iterations))


def samples(path: Path) -> Tensor:
    """Images of a model file [SHOWN, C, H, W], of the same noise for each file."""
    model = load(path)
    noise = torch.randn(SHOWN, model.recipe.method.parameters["latent"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.generate(noise)


def jumps(run: Path, switches: list[int]) -> dict[str, Any]:
    """`jump` of each logged loss of a run, whose log has every iteration."""
    lines = measured(run, "losses")
    if [line["iteration"] for line in lines] != list(range(1, len(lines) + 1)):
        raise InputError(f"{run / 'log.jsonl'}: does not have each iteration; train again in an empty folder")
    return {
        name: jump([line["losses"][name] for line in lines], switches)
        for name in lines[0]["losses"]
        if name.startswith("adversarial")
    }


def jump(losses: list[float], switches: list[int]) -> dict[str, Any]:
    """How the losses change around iterations after which a network is another one.

    losses: of iterations 1, 2, .... A change is the size of the difference between an iteration's loss and the one's
    before. near: the largest change from NEAR iterations before to NEAR after each switch. elsewhere: of all other
    changes, the median, the 99th percentile and the largest one. ratio: the largest of near over the largest elsewhere,
    so that above 1 there is a jump that is seen nowhere else.
    """
    changes = (torch.tensor(losses, dtype=torch.float64).diff()).abs()  # [i]: from iteration i + 1 to i + 2
    close = torch.zeros(len(changes), dtype=torch.bool)
    near = []
    for switch in switches:
        window = slice(max(0, switch - NEAR), switch + NEAR)
        close[window] = True
        near.append(float(changes[window].max()))
    others = changes[~close]
    largest = float(others.max())
    return {
        "near": near,
        "elsewhere": {
            "median": float(others.median()),
            "percentile_99": float(others.quantile(0.99)),
            "largest": largest,
        },
        "ratio": max(near) / largest if largest else math.inf,
    }
