"""What the doctor costs: iterations with it and without it, in turn, and its probe."""

import argparse
import statistics
import sys
from typing import Any

import torch

from advloss.core.clock import timed
from advloss.core.errors import InputError
from advloss.losses.adversarial import AdversarialLoss
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.doctor.doctor import PROBED_EVERY
from advloss.training.doctor.probe import Probe
from advloss.training.doctor.weights import copied, moved
from advloss.training.executor import Executor
from advloss.training.fast.step import FastStep
from advloss.training.precision import Precision
from tools.benchmarks import recipes
from tools.benchmarks.against import ROWS, swapping
from tools.benchmarks.measuring import measure, pairs

COST = f"""
Two trainings of one recipe take turns: one writes down its logits in each iteration, as with train.doctor=true, the
other does not. The probe and the comparison of the weights, which a training has once in {PROBED_EVERY} iterations (and
three times more at its start), are timed alone. The cost of a pair is
(iteration with - iteration without + probe / {PROBED_EVERY}) / (iteration without), with the median probe.
"""
MEASURED = ("cyclegan", "vqgan-f16")


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.description, parser.epilog = __doc__, COST
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--pairs", type=int, default=30, help="of alternating measurements, for each recipe (30)")
    parser.add_argument("--small", action="store_true", help="smaller images, for a shorter run")
    parser.add_argument("--only", choices=MEASURED, nargs="+", default=[*MEASURED], help="of the recipes")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=measure.PRECISIONS, default="auto", help="of the iterations")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each recipe in turn; prints its cost as soon as it is known."""
    device = measure.chosen_device(arguments.device)
    if arguments.pairs < 1:
        raise InputError(f"--pairs {arguments.pairs}: must be at least 1")
    rows = {}
    for name in arguments.only:
        rows[name] = row = measured(name, arguments, device)
        cost = row["cost"]
        quartiles = f"{cost['lower_quartile']:.2%} to {cost['upper_quartile']:.2%}"
        print(f"{name}: {cost['median']:.2%} ({quartiles})", file=sys.stderr, flush=True)
    return {"precision": Precision(arguments.precision, device).name, "probed_every": PROBED_EVERY, "rows": rows}


def measured(name: str, arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Seconds of an iteration with the doctor and without it, of a probe, and the cost."""
    row = ROWS[name]
    side = row.small if arguments.small else row.side
    settings = (f"data.load={side}", f"data.crop={side}", f"train.precision={arguments.precision}", *row.settings)
    with_it, without = (executor(name, settings, device) for _ in range(2))
    for part in timed(without.terms):
        if isinstance(part, AdversarialLoss):
            part.last_steps.add = lambda *step: None  # type: ignore[method-assign]
    batches = recipes.random_batches(resolved(name, settings), device)
    play, play_without = (recipes.as_played(each) for each in (with_it, without))
    probe = Probe(with_it)

    def probing() -> None:
        before = {player.name: copied(player.parameters) for player in with_it.players.values()}
        for player in with_it.players.values():
            moved(player.parameters, before[player.name])
        probe(batches[0], batches[0])

    first, second = (lambda: play(batches)), (lambda: play_without(batches))
    measure.alternating(first, second, device, pairs.WARM_UP[device.type], recipes.WARM_UP[device.type])
    measure.seconds(probing, device, 2)
    on, off = swapping(first, second, device, arguments.pairs)
    probes = [statistics.fmean(measure.seconds(probing, device, 1)) for _ in range(min(10, arguments.pairs))]
    probed = statistics.median(probes) / PROBED_EVERY
    costs = [(one - other + probed) / other for one, other in zip(on, off, strict=True)]
    seconds = {"with": measure.spread(on), "without": measure.spread(off), "probe": measure.spread(probes)}
    return {"side": side, "seconds": seconds, "pairs": costs, "cost": measure.spread(costs)}


def resolved(name: str, settings: tuple[str, ...]) -> Any:
    """The recipe with these settings."""
    source = read(name)
    for setting in settings:
        source.override(setting)
    return resolve(source)


def executor(name: str, settings: tuple[str, ...], device: torch.device) -> Executor:
    """The fast executor of the recipe, with the same first weights each time."""
    torch.manual_seed(0)
    return FastStep(recipes.ready(resolved(name, settings), device), device)
