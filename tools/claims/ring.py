"""Unrolling on a ring of eight Gaussians: how many of them the generator makes over the iterations, over seeds."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from advloss.core.storage.files import write_whole
from advloss.theory.game import Game, points_recipe
from advloss.theory.ring import MODES, centres, covered, shares_of_modes
from advloss.theory.seeds import seeded
from tools.claims.common.plots import new_figure, plot_option, write_figure
from tools.claims.common.runs import check_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STD = 0.02
"""Of each Gaussian, as in the paper; the ring's radius is 2."""
NEAR = 0.2
"""How far a point may be from a mode's centre to count for it: a quarter of an equal share of points covers it."""
SAMPLES = 2000
SHOWN = 500
"""Points in the result and in the picture."""
SETTING = (
    "method.latent=256",
    "networks.generator.width=128",
    "losses.adversarial.objective=minimax",
    "losses.adversarial.discriminator.width=128",
    "optimizer.lr=1e-3",
    "optimizer.discriminator={lr: 1e-4}",
    "optimizer.betas=[0.5, 0.999]",
    "data.batch=256",
)
"""Of the recipe `points`: the authors' published example, but for half of its batch, the activations (there tanh) and
the first weights."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--steps", type=int, nargs="+", default=[0, 10], help="looked ahead; 0: no unrolling")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--every", type=int, default=100, help="iterations between two looks at the modes")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe `points`")
    plot_option(parser)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Plays each number of steps with each seed. A game that is played already, in the folder for the runs, is not
    again."""
    check_looks(arguments.iterations, arguments.every)
    games: dict[int, list[dict[str, Any]]] = {}
    for steps in arguments.steps:
        for seed in range(arguments.seeds):
            file: Path = arguments.work / f"ring-{steps}-{seed}.json"
            if not file.exists():
                found = played(steps, seed, arguments.iterations, arguments.every, arguments.overrides)
                write_whole(file, json.dumps(found).encode())
            games.setdefault(steps, []).append(json.loads(file.read_text(encoding="utf-8")))
    if arguments.plot is not None:
        draw(games, arguments.every, arguments.plot)
    return {f"{steps} steps": figures(found) for steps, found in games.items()}


def played(steps: int, seed: int, iterations: int, every: int, overrides: list[str]) -> dict[str, Any]:
    """The modes covered and the share of points near one, every so often, and the last points."""
    unroll = [f"losses.adversarial.unroll={{steps: {steps}, rate: null}}"] if steps else []
    recipe = points_recipe([*SETTING, *unroll, f"seed={seed}", *overrides], iterations)
    batch, latent = recipe.data.batch, recipe.method.parameters["latent"]
    modes, near = [], []
    with seeded(seed):
        game = Game(recipe)
        for iteration in range(iterations):
            game.step.play([{"point": real_points(batch), "noise": torch.randn(batch, latent)}], iteration)
            if (iteration + 1) % every == 0:
                with torch.no_grad():
                    points = game.generator(torch.randn(SAMPLES, latent))  # [N, 2]
                shares = shares_of_modes(points, std=NEAR / 3)
                modes.append(covered(shares))
                near.append(round(sum(shares), 4))
    shown = [[round(x, 3), round(y, 3)] for x, y in points[:SHOWN].tolist()]
    return {"seed": seed, "modes": modes, "near": near, "points": shown}


def real_points(count: int) -> Tensor:
    """Points of the paper's ring: [count, 2]."""
    return centres()[torch.randint(MODES, (count,))] + STD * torch.randn(count, 2)


def figures(games: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each seed: the modes at the end; the fewest and the mean number over the last half; the share of points near
    one at the end."""
    halves = [game["modes"][len(game["modes"]) // 2 :] for game in games]
    return {
        "modes": [game["modes"][-1] for game in games],
        "fewest": [min(half) for half in halves],
        "mean": [round(sum(half) / len(half), 2) for half in halves],
        "near": [game["near"][-1] for game in games],
        "modes_over_time": [game["modes"] for game in games],
    }


def draw(games: dict[int, list[dict[str, Any]]], every: int, path: Path) -> None:
    """A row for each number of steps: the modes over the iterations, and the last points of each seed."""
    most = max(len(found) for found in games.values())
    figure = new_figure(4 + 1.6 * most, 2.3 * len(games))
    rows = figure.subplots(len(games), 1 + most, squeeze=False, width_ratios=[2.4] + [1] * most)
    for (curve, *places), (steps, found) in zip(rows, games.items(), strict=True):
        for game in found:
            curve.plot([every * (n + 1) for n in range(len(game["modes"]))], game["modes"], lw=0.9)
        curve.set(title=f"{steps} steps ahead", ylabel="modes covered", xlabel="iteration", ylim=(-0.3, MODES + 0.3))
        for axes in places:
            axes.axis("off")
        for axes, game in zip(places, found, strict=False):
            scatter(axes, game)
    write_figure(figure, path)


def scatter(axes: "Axes", game: dict[str, Any]) -> None:
    """The last points (blue) and the modes (red)."""
    axes.plot(*centres().T.tolist(), "o", color="#bb3344", ms=4, mfc="none")
    axes.plot(*zip(*game["points"], strict=True), ".", color="#3366aa", ms=1.5)
    axes.set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8), aspect="equal", title=f"seed {game['seed']}")
