"""This tree against another checkout of advloss, in turn: the iteration of four recipes, and `upscale`."""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch

from advloss.core.errors import InputError
from advloss.training.precision import Precision
from tools.benchmarks.measuring import checkouts, measure, pairs
from tools.benchmarks.measuring.elsewhere import Elsewhere
from tools.benchmarks.peers.base import commit

ROOT = Path(__file__).resolve().parents[2]
RATIO = """
The ratio is (seconds of CHECKOUT) / (seconds of this tree), pair by pair; what is printed is the median over the pairs,
with the quartiles. Above 1 this tree is faster: 2 means half the time. 0.99 means that it takes 1% longer.
Each side has a process of its own, with its own recipes; the two take turns, and who begins changes. A row has up to
five such pairs of processes, since one process may be some 5% faster than the next with the same code.
CHECKOUT may also have the package layout of before (advloss.training.round).
"""


class Row(NamedTuple):
    """An iteration of the recipe `name`; without settings, `upscale` with the network `name`.

    side: of the images, in pixels, about as in docs/benchmarks; small: with --small.
    """

    name: str
    side: int
    small: int
    settings: tuple[str, ...] = ()


PROCESSES = 5
"""Pairs of processes for a row. The same code differs by some 5% from one process to the next."""
ROWS = {
    "cyclegan": Row("cyclegan", 256, 128, ("data.batch=1",)),
    "pix2pix": Row("pix2pix", 256, 256, ("data.batch=1",)),  # its U-Net takes no less
    "srgan": Row("srgan", 96, 96, ("data.batch=4", "losses.content.pretrained=false")),  # nor does its discriminator
    "vqgan-f16": Row(
        "vqgan-f16", 128, 64, ("data.batch=1", "losses.perceptual.pretrained=false", "losses.adversarial.start=0")
    ),
    "upscale": Row("msrresnet", 128, 64),
}


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.description, parser.epilog = __doc__, RATIO
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="the folder in which its advloss/ lies")
    parser.add_argument("--pairs", type=int, default=15, help="of alternating measurements, for each row (15)")
    parser.add_argument("--small", action="store_true", help="smaller images, for a shorter run")
    parser.add_argument("--only", choices=ROWS, nargs="+", default=[*ROWS], help="of the rows")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=measure.PRECISIONS, default="auto", help="of the iterations")
    parser.set_defaults(out=ROOT / "docs/benchmarks/against-cpu.json")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each row in turn; prints its ratio as soon as it is known."""
    device = measure.chosen_device(arguments.device)
    if arguments.pairs < 1:
        raise InputError(f"--pairs {arguments.pairs}: must be at least 1")
    if not (arguments.checkout / "advloss/__init__.py").is_file():
        raise InputError(f"{arguments.checkout}: is no checkout of advloss; name the folder in which advloss/ lies")
    rows = {}
    for name in arguments.only:
        rows[name] = row = compared(ROWS[name], arguments, device)
        ratio = row["times_as_fast"]
        quartiles = f"{ratio['lower_quartile']:.3f} to {ratio['upper_quartile']:.3f}"
        print(f"{name}: {ratio['median']:.3f} ({quartiles}) times as fast", file=sys.stderr, flush=True)
    precision = Precision(arguments.precision, device).name
    return {"checkout": commit(arguments.checkout), "tree": commit(ROOT), "precision": precision, "rows": rows}


def compared(row: Row, arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Seconds of both sides and their ratios."""
    side = row.small if arguments.small else row.side
    kind: tuple[Any, ...] = (checkouts.upscaling, row.name, side)
    if row.settings:
        sizes = (f"data.load={side}", f"data.crop={side}", f"train.precision={arguments.precision}")
        kind = (checkouts.iteration, row.name, (*sizes, *row.settings))
    make, *what = kind
    slow: list[float] = []
    fast: list[float] = []
    for count in shared_out(arguments.pairs):
        with Elsewhere(make, device, arguments.checkout, *what) as theirs, Elsewhere(make, device, ROOT, *what) as ours:
            measure.alternating(theirs, ours, device, pairs.WARM_UP[device.type])
            for taken, new in zip((slow, fast), swapping(theirs, ours, device, count), strict=True):
                taken += new
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    found = {"seconds": {"checkout": measure.spread(slow), "tree": measure.spread(fast)}, "side": side}
    return found | {"pairs": ratios, "times_as_fast": measure.spread(ratios)}


def shared_out(count: int) -> list[int]:
    """How many pairs each pair of processes measures: where memory lies makes one process faster than the next."""
    few, more = divmod(count, min(count, PROCESSES))
    return [few + (number < more) for number in range(min(count, PROCESSES))]


def swapping(
    first: measure.Timed, second: measure.Timed, device: torch.device, count: int
) -> tuple[list[float], list[float]]:
    """Seconds of both in turn, where the one that begins changes from pair to pair: what comes second may be slower."""
    taken: tuple[list[float], list[float]] = ([], [])
    for pair in range(count):
        order = (first, second) if pair % 2 == 0 else (second, first)
        times = [each for (each,) in measure.alternating(*order, device, 1, pairs.EACH[device.type])]
        for values, value in zip(taken, times if pair % 2 == 0 else reversed(times), strict=True):
            values.append(value)
    return taken
