"""Autoencoders with a prior: how far the codes are from it, and how good reconstructions are, beside a plain one."""

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss.losses.mmd import MMD
from tools.claims.common.held_out import draw, tensors
from tools.claims.common.runs import trained

PLAIN = "plain"
SYSTEMS = {
    PLAIN: ("wae-mmd-small", "losses.prior=null"),
    "WAE-MMD": ("wae-mmd-small", "losses.prior.weight=0.1"),
    "WAE-GAN": ("wae-gan-small", "losses.adversarial.weight=0.02"),
    "AAE": ("aae-small", "losses.adversarial.weight=0.03"),
    "VAE": ("vae-small",),
}
"""By name: a recipe, and changes of it. The weights are ours: the papers' cost more of the reconstruction."""
SCALES = (0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Of the kernel: those of WAE-MMD's authors, with which wae-mmd-small trains too."""
FLOOR_DRAWS = 10
"""Pairs of samples of the prior, whose MMD is 0 but for the chance of finite samples."""
UNMEASURED = "metrics.psnr=null"
"""All is measured here, and not by the training too."""
SHOWN = 6
"""Rows of the picture: test images, and for each system what it makes of them, and of samples of the prior (new)."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=[*SYSTEMS])
    parser.add_argument("--data", default="digits", help="a data set with a test split")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each system")
    parser.add_argument("--count", type=int, default=2000, help="test images that are encoded")
    parser.add_argument("--plot", type=Path, help="the PNG file to draw of the last seed")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all recipes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains each system with each seed, and measures it on the test images."""
    found: dict[str, Any] = {name: [] for name in arguments.systems}
    columns: dict[str, Tensor] = {}
    prior = torch.empty(0)
    for seed in range(arguments.seeds):
        for name in arguments.systems:
            recipe, *changes = SYSTEMS[name]
            words = (f"recipe={recipe}", arguments.data, f"seed={seed}", *changes, UNMEASURED, *arguments.overrides)
            path = trained(arguments.work, f"{name}-{seed}", *words) / "model.safetensors"
            made = tensors(path, "test", ("image", "latent", "prior", "reconstruction", "fake"), arguments.count)
            found[name].append({"seed": seed, **figures(made)})
            prior = made["prior"]
            columns |= {"image": made["image"], name: made["reconstruction"], f"{name} new": made["fake"]}
    if arguments.plot:
        draw(arguments.plot, columns, range(SHOWN))
    return {"prior against itself": floor(*prior.shape), **found, "beside plain": beside(found)}


def figures(made: dict[str, Tensor]) -> dict[str, float]:
    """mmd: the squared MMD of codes and prior. mmd_standardised: of the codes with each number's mean and deviation
    made 0 and 1, so that it is their form alone. mse: of the reconstructions, in [-1, 1]. The rest: of the
    codes' numbers, the largest size of a mean, the smallest and the largest deviation."""
    latent, distance = made["latent"], MMD(scales=SCALES)
    means, deviations = latent.mean(0), latent.std(0)
    return {
        "mmd": float(distance(latent, made["prior"])),
        "mmd_standardised": float(distance((latent - means) / deviations, made["prior"])),
        "mse": float((made["reconstruction"] - made["image"]).square().mean()),
        "mean": float(means.abs().max()),
        "least_deviation": float(deviations.min()),
        "largest_deviation": float(deviations.max()),
    }


def floor(count: int, length: int) -> dict[str, float]:
    """The squared MMD of two samples of N(0, 1)^length, `count` vectors each: mean and deviation of several pairs."""
    random = torch.Generator().manual_seed(0)
    pairs = [torch.randn(2, count, length, generator=random) for _ in range(FLOOR_DRAWS)]
    values = [float(MMD(scales=SCALES)(*pair)) for pair in pairs]
    return {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}


def beside(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """For each system, seed by seed: how many times lower its MMD is than the plain one's (null where it is not above
    0), and its squared error over the plain one's."""
    plain = found.get(PLAIN, [])
    return {
        name: [
            {
                "times_lower_mmd": before["mmd"] / now["mmd"] if now["mmd"] > 0 else None,
                "mse_ratio": now["mse"] / before["mse"],
            }
            for before, now in zip(plain, runs, strict=False)
        ]
        for name, runs in found.items()
        if name != PLAIN
    }
