"""A strong discriminator: what the generator learns from it by minimax, and by the non-saturating loss."""

import argparse
import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tools.claims.common.plots import new_figure, plot_option, write_figure
from tools.claims.common.runs import measured, trained
from tools.claims.modes import classifier, judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RECIPE = "dcgan-small"
OBJECTIVES = ("minimax", "non_saturating")
LAST = 5
"""Lines of the log, the last ones, over which losses are averaged."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--data", default="digits", metavar="SET", help="a data set with ten classes")
    parser.add_argument("--steps", type=int, default=5, help="of the discriminator for one of the generator")
    parser.add_argument("--rate", type=float, default=5e-4, help="of the discriminator; the generator's is 2e-4")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000, help="images that are made and classified")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")
    plot_option(parser)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains both generators against a discriminator of the same strength."""
    folder: Path = arguments.work
    judge, accuracy = classifier(folder, arguments.data)
    found: dict[str, Any] = {"classifier_accuracy": accuracy}
    for objective in OBJECTIVES:
        name = f"strong-{objective}-{arguments.seed}"
        path = trained(folder, name, *words(arguments, objective))
        losses = [(line["iteration"], *halves(line["losses"])) for line in measured(path, "losses")]
        found[objective] = judged(folder, name, arguments.count, judge) | figures(objective, losses) | {"log": losses}
    if arguments.plot is not None:
        draw(found, {each: folder / f"strong-{each}-{arguments.seed}.png" for each in OBJECTIVES}, arguments.plot)
    return found


def words(arguments: argparse.Namespace, objective: str) -> list[str]:
    """The command line of a training."""
    return [
        f"recipe={RECIPE}",
        arguments.data,
        f"seed={arguments.seed}",
        f"losses.adversarial.objective={objective}",
        f"train.steps={{discriminator: {arguments.steps}, generator: 1}}",
        f"optimizer.discriminator={{lr: {arguments.rate:g}}}",
        f"train.iterations={arguments.iterations}",
        *arguments.overrides,
    ]


def halves(losses: dict[str, float]) -> tuple[float, float]:
    """The losses of the discriminator and of the generator."""
    return losses["adversarial.discriminator"], losses["adversarial"]


def figures(objective: str, losses: list[tuple[int, float, float]]) -> dict[str, float]:
    """The losses at the end, and what they say of the generator's gradient, the mean |d loss / d logit| of its images.

    For minimax it is E D(fake), at most -E log(1 - D(fake)), which is minus the loss. For the other it is
    1 - E D(fake), and so at least 1 minus the discriminator's loss, of which -E log(1 - D(fake)) is a part.
    """
    discriminator, generator = (statistics.fmean(each) for each in list(zip(*losses[-LAST:], strict=True))[1:])
    bound = {"at_most": -generator} if objective == "minimax" else {"at_least": max(0.0, 1 - discriminator)}
    return {
        "discriminator_loss": discriminator,
        "generator_loss": generator,
        **{f"gradient_{k}": v for k, v in bound.items()},
    }


def draw(found: dict[str, Any], grids: dict[str, Path], path: Path) -> None:
    """Both generators' images, and the losses under them."""
    figure = new_figure(8, 7)
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    for axes, (objective, grid) in zip(above.subplots(1, 2), grids.items(), strict=True):
        with Image.open(grid) as image:
            axes.imshow(np.asarray(image.convert("L")), cmap="gray", vmin=0, vmax=255)
        axes.set(title=f"{objective}: {found[objective]['covered']} of 10 classes", xticks=[], yticks=[])
    losses(below.subplots(), found)
    write_figure(figure, path)


def losses(axes: "Axes", found: dict[str, Any]) -> None:
    """The discriminators' losses, and minimax's of the generator, over the iterations."""
    for objective, colour in zip(OBJECTIVES, ("#bb3344", "#3366aa"), strict=True):
        iterations, discriminator, generator = zip(*found[objective]["log"], strict=True)
        axes.semilogy(iterations, discriminator, color=colour, label=f"{objective}: loss of D")
        if objective == "minimax":
            axes.semilogy(iterations, np.abs(generator), color=colour, ls=":", label="minimax: |loss of G|")
    axes.axhline(2 * math.log(2), color="#888888", lw=0.8, ls="--", label="D that can tell nothing")
    axes.set(xlabel="iteration")
    axes.legend(loc="lower left", fontsize=8)
