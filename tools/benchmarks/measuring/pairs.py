"""Our iteration beside a peer's: the losses are compared first, then the times, in alternation."""

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import Dropout
from advloss.recipe.schema import Recipe
from advloss.training.fast.step import FastStep
from advloss.training.precision import Precision
from tools.benchmarks import recipes
from tools.benchmarks.measuring import counting, measure
from tools.benchmarks.measuring.elsewhere import Elsewhere
from tools.benchmarks.peers.base import Batch, Peer, Play, commit, number

SMALLEST = 1e-2
"""Losses are compared relative to their size, or to this where they are smaller."""
WARM_UP = {"cpu": 3, "cuda": recipes.WARM_UP["cuda"]}
"""Turns before the clock starts: on a CPU malloc learns what an iteration asks for."""
EACH = {"cpu": 1, "cuda": 10}
"""Iterations in a turn: on CUDA they queue up as in training."""


def same_losses(peer: Peer, recipe: Recipe, batch: Batch, device: torch.device) -> dict[str, Any]:
    """The first iterations of both from the same weights, in float32 without TF32 and without dropout.

    recipe: ours in fp32. Raises InputError where they are not the same.
    """
    built = recipes.ready(recipe, device)
    peer.load_into(built)
    play = peer.ours(FastStep(built, device))
    theirs_batch, largest, losses = peer.converted(batch), [], []
    with without_dropout([*peer.networks, built.method, built.terms]), Precision("fp32", device).settings():
        for tolerance in peer.tolerances:
            peer.play(theirs_batch)
            theirs = peer.losses()
            ours = {name: number(value) for name, value in play([batch]).items()}
            apart = {name: abs(ours[name] - theirs[name]) / max(abs(theirs[name]), SMALLEST) for name in theirs}
            worst = max(apart, key=apart.__getitem__)
            if apart[worst] > tolerance or ours.keys() != theirs.keys():
                raise InputError(f"--peer: iteration {len(losses) + 1} is not the same: ours {ours}, theirs {theirs}")
            largest.append({"loss": worst, "relative_difference": apart[worst], "tolerance": tolerance})
            losses.append({"ours": ours, "theirs": theirs})
    return {"precision": "fp32", "dropout": "off", "largest_of_each_iteration": largest, "losses": losses}


@contextlib.contextmanager
def without_dropout(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Two implementations draw what is dropped in different orders."""
    layers = {layer for network in networks for layer in network.modules() if isinstance(layer, nn.Dropout | Dropout)}
    before = {layer: layer.p for layer in layers}
    for layer in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, p in before.items():
            layer.p = p


def iteration(device: torch.device, kind: type[Peer], path: Path, recipe: Recipe) -> measure.Action:
    """A peer's training iteration, from the weights and on the batch that ours begins with."""
    torch.manual_seed(0)
    peer = kind(path, recipe, device)
    built = recipes.ready(recipe, device)
    peer.load_into(built)
    batch = peer.converted(recipes.random_batches(recipe, device)[0])
    return lambda: peer.play(batch)


def timed(peer: Peer, play: Play, batches: Sequence[Batch], pairs: int) -> tuple[list[float], dict[str, Any]]:
    """Seconds of our iterations, and the report on the peer, which has a process of its own."""
    device = peer.device

    def ours() -> None:
        play(batches)

    with Elsewhere(iteration, device, type(peer), *peer.made_from) as theirs:
        measure.alternating(theirs, ours, device, WARM_UP[device.type])
        slow, fast = measure.alternating(theirs, ours, device, pairs, EACH[device.type])
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    for pair, (a, b, ratio) in enumerate(zip(slow, fast, ratios, strict=True), 1):
        print(f"pair {pair}: {a:.4g} s / {b:.4g} s = {ratio:.3f}", file=sys.stderr)
    print(f"median of {pairs} pairs: {statistics.median(ratios):.3f} times as fast", file=sys.stderr)
    batch = peer.converted(batches[0])
    work = counting.counted(lambda: peer.play(batch))
    return fast, {
        "seconds": measure.spread(slow),
        "pairs": ratios,
        "times_as_fast": measure.spread(ratios),
        "iterations_in_a_turn": EACH[device.type],
        "flops": work.flops,
        "operations": len(work.operations),
        "bytes_of_operations": work.bytes,
    }


def described(peer: Peer, path: Path, device: torch.device, arguments: argparse.Namespace) -> dict[str, Any]:
    """Whose iteration it is, and how it is run."""
    tf32 = device.type == "cuda" and torch.backends.cudnn.allow_tf32
    return {
        "project": peer.project,
        "commit": commit(path),
        "precision": "float32 as shipped, TF32 in convolutions" if tf32 else "float32",
        "order": peer.order,
        "our_iteration": peer.as_played if arguments.as_played else "the same mathematics",
        "our_overrides": [*peer.overrides, *arguments.overrides],
        "notes": list(peer.notes),
    }
