"""Which checkpoint of a translator is chosen: by KID, by cycle PSNR, by PSNR against true partners; over seeds."""

import argparse
from typing import Any

from tools.claims.adaptation import spread
from tools.claims.common.runs import measured, trained

RECIPE, DATA = "cyclegan-small", "stripes"
JUDGES = {"kid": min, "cycle_psnr": max}
"""Metrics that need no partners, and which of their values is the best."""
TRUTH = "psnr"


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--every", type=int, default=100, help="iterations from one checkpoint to the next")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains with each seed; each validation is a checkpoint that could be kept. The figures are in dB of PSNR."""
    times = (f"train.iterations={arguments.iterations}", f"train.validate_every={arguments.every}")
    runs = []
    for seed in range(arguments.seeds):
        words = (f"recipe={RECIPE}", DATA, f"seed={seed}", *times, *arguments.overrides)
        path = trained(arguments.work, f"choice-{seed}", *words)
        lines = [{"iteration": each["iteration"], **each["validation"]} for each in measured(path, "validation")]
        runs.append({"seed": seed, **choices(lines), "checkpoints": lines})
    lost = {judge: [each[judge]["lost"] for each in runs] for judge in JUDGES}
    return {"runs": runs, "lost": {judge: {"values": values, **spread(values)} for judge, values in lost.items()}}


def choices(lines: list[dict[str, float]]) -> dict[str, Any]:
    """The best checkpoint by the true partners; and each judge's, with what is lost against the best."""
    best = max(lines, key=lambda line: line[TRUTH])
    found: dict[str, Any] = {"best": {"iteration": best["iteration"], TRUTH: best[TRUTH]}}
    for judge, first in JUDGES.items():
        chosen = first(lines, key=lambda line: line[judge])
        found[judge] = {
            "iteration": chosen["iteration"],
            TRUTH: chosen[TRUTH],
            "lost": best[TRUTH] - chosen[TRUTH],
        }
    return found
