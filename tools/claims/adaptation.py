"""Domain adaptation: the accuracy on the unlabelled domain, without adaptation and with each design, over seeds."""

import argparse
import statistics
from typing import Any

from tools.claims.runs import measured, trained

DESIGNS = {
    "none": ("dann", "losses.adversarial=null"),
    "entropy": ("da-entropy",),
    "dann": ("dann",),
    "hybrid": ("da-hybrid",),
    "shared and specific": ("da-shared-specific",),
    "wdgrl": ("wdgrl-small",),
}
"""By design: its recipe, and changes of it."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=[*DESIGNS])
    parser.add_argument("--data", default="digits-styles", help="white digits, labelled, and coloured ones")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of all recipes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains each design with each seed; the accuracies are those of the last validation."""
    found: dict[str, Any] = {}
    for design in arguments.designs:
        recipe, *changes = DESIGNS[design]
        accuracies = []
        for seed in range(arguments.seeds):
            words = (f"recipe={recipe}", arguments.data, f"seed={seed}", *changes, *arguments.overrides)
            path = trained(arguments.work, f"{design.replace(' ', '-')}-{seed}", *words)
            accuracies.append(measured(path, "validation")[-1]["validation"]["target"])
        found[design] = {"accuracy": accuracies, **spread(accuracies)}
    return found


def spread(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation over the seeds."""
    return {"mean": statistics.fmean(values), "deviation": statistics.stdev(values) if len(values) > 1 else 0.0}
