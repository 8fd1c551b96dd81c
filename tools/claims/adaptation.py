"""Domain adaptation: the accuracy on the unlabelled domain, without adaptation and with each design, over seeds."""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from advloss.core.errors import InputError
from advloss.data.synthetic import digits
from tools.claims.common.plots import draw_runs
from tools.claims.common.runs import measured, trained

DESIGNS = {
    "none": ("dann-small", "losses.adversarial=null"),
    "entropy": ("da-entropy",),
    "dann": ("dann-small",),
    "hybrid": ("da-hybrid",),
    "shared and specific": ("da-shared-specific",),
    "wdgrl": ("wdgrl-small",),
}
"""By design: its recipe, and changes of it."""
SHOWN = 12
"""Digits of each style in the picture."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=[*DESIGNS])
    parser.add_argument("--data", default="digits-styles", help="sharp digits, labelled, and others out of focus")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="the PNG file to draw: drawn digits and the accuracies")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all recipes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains each design with each seed, first all designs with one seed; the accuracies are those of the test images,
    after the last iteration."""
    accuracies: dict[str, list[float]] = {design: [] for design in arguments.designs}
    for seed in range(arguments.seeds):
        for design, found in accuracies.items():
            recipe, *changes = DESIGNS[design]
            words = (f"recipe={recipe}", arguments.data, f"seed={seed}", *changes, *arguments.overrides)
            path = trained(arguments.work, f"{design.replace(' ', '-')}-{seed}", *words)
            found.append(accuracy(path))
    result = {design: {"accuracy": found, **spread(found)} for design, found in accuracies.items()}
    if arguments.plot:
        draw_runs(arguments.plot, shown(), result, "accuracy", 1)
    return result


def accuracy(run: Path) -> float:
    """On the unlabelled domain's test images, or those of validation where there are none. Raises InputError where the
    data do not know their labels."""
    last = (measured(run, "test") or measured(run, "validation"))[-1]
    found = (last.get("test") or last["validation"]).get("target")
    if found is None:
        raise InputError(f"{run.name}: the unlabelled domain's images have no known labels to measure with")
    return float(found)


def spread(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation over the seeds."""
    return {"mean": statistics.fmean(values), "deviation": statistics.stdev(values) if len(values) > 1 else 0.0}


def shown() -> np.ndarray:
    """Drawn digits of both styles, a row each: uint8 [2 * 28, SHOWN * 28, 3]."""
    rows = [[digits.draw_style(np.random.default_rng(k), 28, style) for k in range(SHOWN)] for style in (False, True)]
    return np.concatenate([np.concatenate(row, 1) for row in rows])
