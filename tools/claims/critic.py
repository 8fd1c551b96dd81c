"""Whether the critic's loss follows the quality of the images over a run, and whether minimax's does."""

import argparse
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advloss.data.synthetic import digits
from advloss.inference.model import Model, load
from advloss.losses.sets import fid
from tools.claims.common.plots import new_figure, plot_option, write_figure
from tools.claims.common.runs import advloss, check_looks, measured
from tools.claims.modes import classifier

DATA, SIDE = "digits", 32
GAMES = {
    "wgan-gp": ("recipe=wgan-gp-small",),
    "minimax": ("recipe=dcgan-small", "losses.adversarial.objective=minimax"),
    "wgan": (
        "recipe=wgan-gp-small",
        "losses.adversarial.penalties=[]",
        "losses.adversarial.clip_weights=0.01",
        "optimizer={name: rmsprop, lr: 5e-5}",
    ),
}
"""By name, the words of the training. `wgan` has the paper's optimizer and its clipping."""
REAL_SEED = 1
"""Of the drawn digits that the generators' are compared with."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--games", nargs="+", choices=GAMES, default=["wgan-gp", "minimax"])
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--every", type=int, default=40, help="iterations between two looks at the images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000, help="images that are made, and drawn, at each look")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all games' recipes")
    plot_option(parser)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains each game in pieces, and compares its images with real ones after each."""
    check_looks(arguments.iterations, arguments.every)
    path, accuracy = classifier(arguments.work, DATA)
    judge = load(path)
    rng = np.random.default_rng(REAL_SEED)
    real = judge.classify([digits.draw(rng, SIDE)[..., 0] for _ in range(arguments.count)])  # [N, 10]
    found: dict[str, Any] = {"classifier_accuracy": accuracy}
    for game in arguments.games:
        looks = [look(model, judge, real) for model in models(arguments, game)]
        losses = measured(arguments.work / "runs" / f"critic-{game}-{arguments.seed}", "losses")
        found[game] = figures(looks, estimates(losses, arguments.every, len(looks)), arguments.every)
    if arguments.plot is not None:
        draw({game: found[game] for game in arguments.games}, arguments.plot)
    return found


def models(arguments: argparse.Namespace, game: str) -> list[Path]:
    """The model files of a game after each `every` iterations. The training stops after each, and goes on."""
    folder: Path = arguments.work
    name = f"critic-{game}-{arguments.seed}"
    path, found = folder / "runs" / name, []
    words = [*GAMES[game], DATA, f"seed={arguments.seed}", *arguments.overrides]
    for iteration in range(arguments.every, arguments.iterations + 1, arguments.every):
        kept = folder / f"{name}-{iteration}.safetensors"
        if not kept.exists():
            begun = ["--resume"] if (path / "checkpoint.pt").exists() else []
            advloss(folder, "train", *words, "--run", name, "--iterations", str(iteration), *begun)
            shutil.copyfile(path / "model.safetensors", kept)
        found.append(kept)
    return found


def look(path: Path, judge: Model, real: Tensor) -> float:
    """The Fréchet distance between the classifier's logits of a model's images and those of real ones [N, 10]."""
    with torch.no_grad():
        made = judge.classify(list(load(path).sample(len(real))))
    return fid(made, real).value


def estimates(losses: list[dict[str, Any]], every: int, count: int) -> list[float]:
    """Minus the discriminator's loss, as it is logged, averaged over the iterations since the look before. For
    wasserstein it is the estimate of the distance, less the penalty; for minimax twice that of JS, less 2 log 2."""
    by_look: list[list[float]] = [[] for _ in range(count)]
    for line in losses:
        by_look[(line["iteration"] - 1) // every].append(-line["losses"]["adversarial.discriminator"])
    return [statistics.fmean(each) for each in by_look]


def figures(distances: list[float], estimated: list[float], every: int) -> dict[str, Any]:
    """The rank correlation of the estimate with the quality, which is minus the distance: -1 where every smaller
    estimate goes with better images."""
    return {
        "correlation": rank_correlation(estimated, [-distance for distance in distances]),
        "iterations": [every * (n + 1) for n in range(len(distances))],
        "estimate": estimated,
        "distance": distances,
    }


def rank_correlation(x: list[float], y: list[float]) -> float:
    """Spearman's: the correlation of the ranks. Raises no error for ties, whose ranks follow their order."""
    ranks = [np.argsort(np.argsort(values)) for values in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1])


def draw(found: dict[str, Any], path: Path) -> None:
    """For each game, the estimate and the distance over the iterations."""
    figure = new_figure(4.2 * len(found), 3.2)
    for axes, (game, values) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        axes.plot(values["iterations"], values["estimate"], color="#3366aa")
        axes.set(title=f"{game}: correlation {values['correlation']:.2f}", xlabel="iteration")
        axes.set_ylabel("minus the discriminator's loss", color="#3366aa")
        other = axes.twinx()
        other.plot(values["iterations"], values["distance"], color="#dd7722")
        other.set_ylabel("Fréchet distance of the images", color="#dd7722")
    write_figure(figure, path)
