"""A training and `upscale` alone, and on cores that other programs use too, beside torch as it comes and one thread."""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from advloss.core.errors import InputError
from advloss.core.threads import SPINS, load, threads_beside
from tools.benchmarks.measuring import checkouts, measure
from tools.benchmarks.measuring.elsewhere import Elsewhere

ROOT = Path(__file__).resolve().parents[2]
WORDS = """
Each way has a process of its own, and they take turns. `torch`: as torch comes. `advloss`: as the command runs it.
`one thread`. The other programs are started here, one thread each, in sessions of their own.
lost_alone is (seconds of advloss) / (seconds of torch) - 1, where nothing else runs: at most 0.03 is promised.
share is what a fair system gives one of these programs, of all cores. times_its_share is (seconds in company) x share /
(seconds of torch alone): 1 is just its share, at most 2 is promised. So run this where nothing else runs.
"""
KINDS = {
    "cyclegan-small": (checkouts.iteration, "cyclegan-small", ()),
    "pix2pix": (checkouts.iteration, "pix2pix", ("data.batch=1",)),
    "upscale": (checkouts.upscaling, "msrresnet", 64),
}
WAYS = ("torch", "advloss", "one thread")
SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.description, parser.epilog = __doc__, WORDS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--programs", type=int, default=measure.cores(), help="other busy programs; one for each core")
    parser.add_argument("--turns", type=int, default=5, help="of each way, alone and in company")
    parser.add_argument("--each", type=int, default=3, help="iterations or pictures in a turn")
    parser.add_argument("--spins", type=int, default=SPINS, help="GOMP_SPINCOUNT of advloss")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=[*KINDS], help="of what is measured")
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=[*WAYS], help="torch must be among them")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each kind alone and in company; prints its two figures as soon as they are known."""
    if min(arguments.programs, arguments.turns, arguments.each) < 1 or "torch" not in arguments.ways:
        raise InputError("--programs, --turns and --each are at least 1, and torch is among the --ways")
    share = fair_share(arguments.programs, measure.cores())
    found: dict[str, Any] = {"programs": arguments.programs, "share": share, "spins": arguments.spins}
    for name in arguments.only:
        alone = compared(name, arguments)
        with busy(arguments.programs):
            company = compared(name, arguments)
        found[name] = row = figures(alone, company, share)
        said = f"{name}: times its share in company {row['times_its_share']}, lost alone {row['lost_alone']}"
        print(said, file=sys.stderr, flush=True)
    return found


def fair_share(programs: int, cores: int) -> float:
    """Of all cores, what is left for one more program that can use them all, beside programs of one thread each."""
    return max(1 - programs / cores, 1 / (programs + 1))


def figures(alone: dict[str, list[float]], company: dict[str, list[float]], share: float) -> dict[str, Any]:
    """Seconds of an iteration or picture, and the figures that are promised; alone, company: seconds by way."""
    best = statistics.median(alone["torch"])
    return {
        "seconds_alone": {way: measure.spread(taken) for way, taken in alone.items()},
        "seconds_in_company": {way: measure.spread(taken) for way, taken in company.items()},
        "lost_alone": {way: round(statistics.median(taken) / best - 1, 3) for way, taken in alone.items()},
        "times_its_share": {way: round(statistics.median(taken) * share / best, 2) for way, taken in company.items()},
    }


def compared(name: str, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each way, in turns."""
    device, each = torch.device("cpu"), arguments.each
    with contextlib.ExitStack() as open_ones:
        ways = {}
        for way in arguments.ways:
            with environment(way, arguments.spins):
                ways[way] = open_ones.enter_context(Elsewhere(started, device, way, *KINDS[name]))
                ways[way].seconds(1)  # it starts in its environment, and the first call is slower
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(arguments.turns):
            for way, action in ways.items():
                taken[way].append(statistics.fmean(action.seconds(each)))
    return taken


def started(device: torch.device, way: str, make: Any, name: str, what: Any) -> measure.Action:
    """The action, in as many threads as the command takes: looked for while the action is made, as in the command."""
    before = load()
    torch.set_num_threads(1 if way == "one thread" else measure.cores())
    action: measure.Action = make(device, ROOT, name, what)
    if way == "advloss":
        torch.set_num_threads(threads_beside(torch.get_num_threads(), before, load()))
    return action


@contextlib.contextmanager
def environment(way: str, spins: int) -> Iterator[None]:
    """The settings of OpenMP for a process that is started within."""
    before = {name: os.environ.pop(name) for name in SETTINGS if name in os.environ}
    if way == "advloss":
        os.environ["GOMP_SPINCOUNT"] = str(spins)
    try:
        yield
    finally:
        os.environ.pop("GOMP_SPINCOUNT", None)
        os.environ.update(before)


@contextlib.contextmanager
def busy(programs: int) -> Iterator[None]:
    """Other programs, each of which keeps a core busy; they end with this process, also where it is killed."""
    loop = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n for _ in range(10**6): pass"
    words = [sys.executable, "-S", "-c", loop]
    others = [subprocess.Popen(words, start_new_session=True) for _ in range(programs)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
