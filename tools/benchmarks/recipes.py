"""A recipe made ready to be measured: what several sub-commands share."""

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from advloss.core.clock import timed
from advloss.data.fields import images_of, scale_of
from advloss.losses.checks import InputCheck
from advloss.recipe.build import Built, build
from advloss.recipe.build_method import declared_fields
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import read
from advloss.training.executor import Executor
from tools.benchmarks.measuring import measure

EAGER = ("train.compile=off", "train.graphs=off")
WARM_UP = {"cpu": 1, "cuda": 6}
"""Iterations before the clock starts: networks are compiled, cuDNN chooses, iterations are recorded."""


def options(parser: argparse.ArgumentParser, recipe: str = "cyclegan", size: int = 256) -> None:
    """The arguments that say which recipe, how large, and how it is run."""
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")
    parser.add_argument("--recipe", default=recipe, help="a recipe's name or file")
    parser.add_argument("--size", type=int, default=size, help="of the images, in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images a side")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=measure.PRECISIONS, default="auto")
    parser.add_argument("--compile", choices=["auto", "on", "off"], help="train.compile; the recipe's if not given")
    parser.add_argument("--graphs", choices=["auto", "on", "off"], help="train.graphs; the recipe's if not given")


def resolved(arguments: argparse.Namespace, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Recipe:
    """The recipe with the arguments' changes, between those of `before` and `after`."""
    settings = [
        f"data.load={arguments.size}",
        f"data.crop={arguments.size}",
        f"data.batch={arguments.batch}",
        f"train.precision={arguments.precision}",
    ]
    settings += [f"train.{name}={value}" for name in ("compile", "graphs") if (value := vars(arguments).get(name))]
    source = read(arguments.recipe)
    for override in (*before, *settings, *arguments.overrides, *after):
        source.override(override)
    return resolve(source)


def ready(recipe: Recipe, device: torch.device) -> Built:
    """The recipe's objects on the device, in training mode.

    Losses don't look at the range of their images: another project's first weights may make what leaves it.
    """
    built = build(recipe)
    for check in timed(built.terms):
        if isinstance(check, InputCheck):
            check.iterations = 0
    for module in (built.method, built.terms, built.weighting):
        module.to(device).train()
    return built


def random_batches(recipe: Recipe, device: torch.device) -> list[dict[str, Tensor]]:
    """The batches of one iteration, in [-1, 1]: [B, 3, h, w] of each image field, as large as its scale says."""
    generator = torch.Generator().manual_seed(1)
    fields = declared_fields(recipe)
    sides = {name: int(recipe.data.crop * scale_of(fields[name])) for name in images_of(fields)}

    def drawn(side: int) -> Tensor:
        return (torch.rand(recipe.data.batch, 3, side, side, generator=generator) * 2 - 1).to(device)

    return [{name: drawn(side) for name, side in sides.items()} for _ in range(batches_per_iteration(recipe))]


def batches_per_iteration(recipe: Recipe) -> int:
    """How many batches an iteration takes, as `Executor.batches_per_iteration` says it."""
    return recipe.train.accumulate * (1 + sum(steps - 1 for steps in (recipe.train.steps or {}).values()))


def as_played(executor: Executor) -> Callable[[Sequence[Mapping[str, Tensor]]], Mapping[str, Tensor]]:
    """Iterations as `advloss train` plays them, one after the other, from the first on."""
    numbers = itertools.count()
    return lambda batches: executor.play(batches, next(numbers))
