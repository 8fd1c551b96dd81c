"""A training iteration of a recipe: seconds, images/s, memory, where the time goes, how far it is from the peak."""

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from advloss.recipe.schema import Recipe
from advloss.training.fast.step import FastStep
from advloss.training.precision import Precision
from tools.benchmarks import recipes, seams
from tools.benchmarks.measuring import counting, floors, gaps, loaded, measure, pairs
from tools.benchmarks.peers import peer_for
from tools.benchmarks.peers.base import Peer, Play

SPLIT_ITERATIONS = 2


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    recipes.options(parser)
    parser.add_argument("--iterations", type=int, default=20, help="that are timed, without a peer")
    parser.add_argument("--data", help="a data set (stripes): how long iterations wait for its loader")
    parser.add_argument("--peer", type=Path, help="another project's checkout, whose iteration is timed in turn")
    parser.add_argument(
        "--as-played",
        action="store_true",
        help="with a peer, our iteration as advloss train plays it, also where that is another algorithm (vqgan-f16)",
    )
    parser.add_argument("--pairs", type=int, default=7, help="of alternating measurements, with a peer")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Iterations on random images that lie on the device."""
    device = measure.chosen_device(arguments.device)
    torch.manual_seed(0)  # what a peer begins with
    kind = peer_for(arguments.peer, arguments.recipe) if arguments.peer else None
    before = kind.overrides if kind else ()
    recipe = recipes.resolved(arguments, before)
    eager = recipes.resolved(arguments, before, recipes.EAGER)
    precision = Precision(recipe.train.precision, device).name
    peer = kind(arguments.peer, eager, device) if kind else None
    ours = peer.ours if peer and not arguments.as_played else recipes.as_played
    work, least, parts = looked_into(eager, device, ours)
    gc.collect()  # its networks are not to count in the memory of what follows
    if peer is None:
        times, rest = alone(arguments, recipe, device)
    else:
        exact = recipes.resolved(arguments, before, (*recipes.EAGER, "train.precision=fp32"))
        times, theirs = beside(peer, recipe, exact, ours, arguments.pairs)
        rest = {"peer": pairs.described(peer, arguments.peer, device, arguments) | theirs}
    images = recipe.data.batch * recipes.batches_per_iteration(recipe)
    timing = floors.timing(times, images)
    standing = floors.standing(timing["seconds"]["median"], work, least, floors.peaks(device, precision))
    about = {"precision": precision, "steps": recipe.train.steps}
    return about | timing | standing | {"where_the_time_goes": parts} | rest


def beside(
    peer: Peer, recipe: Recipe, exact: Recipe, ours: Callable[[FastStep], Play], count: int
) -> tuple[list[float], dict[str, Any]]:
    """Seconds of our iterations, and what is to be said of the peer, after its losses were found to be ours."""
    built = recipes.ready(recipe, peer.device)
    peer.load_into(built)  # before its first iteration, where it begins in its own process too
    batches = recipes.random_batches(recipe, peer.device)
    same = pairs.same_losses(peer, exact, batches[0], peer.device)
    executor = FastStep(built, peer.device)
    times, theirs = pairs.timed(peer, ours(executor), batches, count)
    return times, theirs | {"compared": same}


def looked_into(
    recipe: Recipe, device: torch.device, ours: Callable[[FastStep], Play]
) -> tuple[counting.Work, int, dict[str, Any]]:
    """An iteration's work, the bytes it must move, and where its time goes; recipe: without compilation and graphs."""
    built = recipes.ready(recipe, device)
    executor = FastStep(built, device)
    batches = recipes.random_batches(recipe, device)
    play_ours = ours(executor)

    def play() -> None:
        play_ours(batches)

    for _ in range(recipes.WARM_UP[device.type] - 1):  # the iteration that is counted is another
        play()
    work = counting.counted(play)
    least = counting.step_bytes(executor.players.values(), executor.average.module if executor.average else None)
    return work, least, seams.split(executor, play, device, SPLIT_ITERATIONS)


def alone(arguments: argparse.Namespace, recipe: Recipe, device: torch.device) -> tuple[list[float], dict[str, Any]]:
    """Seconds of the iterations, and what else is measured without a peer."""
    built = recipes.ready(recipe, device)
    executor = FastStep(built, device)
    batches = recipes.random_batches(recipe, device)

    play_ours = recipes.as_played(executor)

    def play() -> None:
        play_ours(batches)

    measure.reset_peak(device)
    measure.seconds(play, device, recipes.WARM_UP[device.type])
    times = measure.seconds(play, device, arguments.iterations)
    rest = floors.memory(device)
    median = measure.spread(times)["median"]
    rest["launch_gaps"] = gaps.launch_gaps(play, device, median)
    if arguments.data:
        rest["data"] = loaded.waiting(arguments.data, built, executor, play, arguments.iterations)
    return times, rest
