"""A whole training round of a recipe: seconds, images/s, memory, and how far that is from the device's peak."""

import argparse
from typing import Any

import torch
from torch import Tensor

from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.source import read
from advloss.training.round import Round
from tools.benchmarks import measure

WARM_UP = 4
"""Rounds before the clock starts: a loss looks at the values of its first three batches, and cuDNN chooses."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")
    parser.add_argument("--recipe", default="cyclegan", help="a recipe's name or file")
    parser.add_argument("--size", type=int, default=256, help="of the images, in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images a side")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=list(measure.DTYPES), default="fp32")
    parser.add_argument("--rounds", type=int, default=20, help="that are timed")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rounds on random images that lie on the device: the data is another benchmark's matter."""
    device = measure.chosen_device(arguments.device)
    round, batches = prepared(arguments, device)
    for _ in range(WARM_UP):
        round.play(batches)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = measure.spread(measure.seconds(lambda: round.play(batches), device, arguments.rounds))
    memory = measure.peak_memory(device)
    flops = measure.flops(lambda: round.play(batches))
    peak = measure.peak_flops(device, arguments.precision)
    return {
        "seconds_a_round": times,
        "images_per_second": len(batches) * arguments.batch / times["median"],
        "peak_memory_bytes": memory,
        "peak_memory_is": "of tensors on the device" if device.type == "cuda" else "resident in the process",
        "flops_a_round": flops,
        "peak_flops_per_second": peak,
        "peak_bytes_per_second": measure.peak_bytes(device),
        "floor_seconds": flops / peak,
        "ratio_to_floor": times["median"] * peak / flops,
        "tf32_convolutions": device.type == "cuda" and torch.backends.cudnn.allow_tf32,
    }


def prepared(arguments: argparse.Namespace, device: torch.device) -> tuple[Round, list[dict[str, Tensor]]]:
    """The recipe's round on the device, and the batches that one round takes, in [-1, 1]."""
    source = read(arguments.recipe)
    settings = {
        "data.load": arguments.size,
        "data.crop": arguments.size,
        "data.batch": arguments.batch,
        "train.precision": arguments.precision,
    }
    for override in [*(f"{key}={value}" for key, value in settings.items()), *arguments.overrides]:
        source.override(override)
    recipe = resolve(source)
    built = build(recipe)
    built.method.to(device).train()
    built.terms.to(device).train()
    shape = (recipe.data.batch, 3, recipe.data.crop, recipe.data.crop)
    count = recipe.train.discriminator_steps * recipe.train.accumulate
    batches = [{side: torch.rand(shape, device=device) * 2 - 1 for side in ("a", "b")} for _ in range(count)]
    return Round(built, device), batches
