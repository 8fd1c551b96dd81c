#!/usr/bin/env python3
"""Kills trainings at random instants, resumes them, and compares what they end with.

    python tools/kills.py --kills 100 --seed 0

For each recipe one training runs in one piece. Others are killed (SIGKILL) after a random time, resumed, killed again
and so on to their end: then the models, the content of the checkpoint, the log's losses and the names of all files must
be the same. Needs a system with fork. The exit code is 1 if anything differs.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process that forks must have no threads

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch._dynamo  # noqa: E402 (with TensorBoard the longest import of a training: once, before the first fork)
import torch.utils.tensorboard  # noqa: E402
from PIL import Image  # noqa: E402

from advloss.cli.app import app  # noqa: E402
from advloss.training import start as start  # noqa: E402 (once, before the first fork)

COMMON = [
    "data.batch=2",
    "train.iterations=14",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.sample_every=5",
]
NARROW = "losses.adversarial.discriminator.width=8"
RECIPES = {
    "pix2pix-small": ["data.a=left", "data.b=right", "networks.generator.width=4", NARROW, "train.validate_every=7"],
    "srgan-small": [
        *("data.name=left", "data.val=right", "data.crop=32", "initial=null", "train.validate_every=7"),
        *("networks.generator.width=8", "networks.generator.blocks=1", NARROW),
    ],
    "vqgan-small": [
        *("data.name=left", "data.val=right", "data.crop=32", "train.validate_every=7", NARROW),
        *(f"networks.{half}.width=8" for half in ("encoder", "decoder")),
        *("losses.adversarial.start=4", "losses.adversarial.ramp=2", "losses.adversarial.discriminator_start=2"),
        *("networks.bottleneck.codes=32",),
    ],
}
"""Each recipe, and what makes it small."""


@dataclass
class Result:
    """What was found for one recipe. differences: a sentence for each."""

    recipe: str
    kills: int = 0
    runs: int = 0
    early: int = 0
    differences: list[str] = field(default_factory=list)


def play(recipe: str, kills: int, draw: random.Random, folder: Path) -> Result:
    """Kills trainings of a recipe `kills` times, in `folder`, and compares each that comes to its end with a whole one.

    draw: draws the instants, evenly over the time of a whole training, its start and its end included.
    """
    pictures(folder)
    result, words = Result(recipe), [f"recipe={recipe}", *COMMON, *RECIPES[recipe]]
    began = time.monotonic()
    _finish(["train", *words, "--run", "whole"], folder)
    length = time.monotonic() - began
    whole = state(folder / "runs/whole")
    while result.kills < kills:
        name = f"cut-{result.runs}"
        while result.kills < kills and _killed(_words(words, name, folder), folder, draw.random() * length):
            result.kills += 1
            result.early += not (folder / "runs" / name / "checkpoint.pt").exists()
        _finish(_words(words, name, folder), folder)
        result.runs += 1
        result.differences += [f"{name}: {what}" for what in differences(whole, state(folder / "runs" / name))]
    return result


def pictures(folder: Path) -> None:
    """Six pairs of pictures of 72 x 72 pixels: left and right."""
    draw = np.random.default_rng(0)
    for side in ("left", "right"):
        (folder / side).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            Image.fromarray(draw.integers(0, 256, (72, 72, 3), np.uint8)).save(folder / side / f"{number}.png")


def state(run: Path) -> dict[str, str]:
    """What a run's folder holds, as texts that are equal where what matters is: each file's name, with its SHA-256
    where it is a model or a sample, its content's where it is the checkpoint, and the losses of the log."""
    held = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file() and path.parent.name != "tensorboard"):
        name = str(path.relative_to(run))
        held[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix in (".safetensors", ".png") else ""
    content = torch.load(run / "checkpoint.pt", weights_only=True)
    digest = hashlib.sha256()
    _add(content, digest.update)
    held["checkpoint.pt"] = digest.hexdigest()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    held["log.jsonl"] = json.dumps([[line["iteration"], line.get("losses"), line.get("validation")] for line in lines])
    return held


def differences(whole: dict[str, str], cut: dict[str, str]) -> list[str]:
    """A sentence for each file that only one of them has, or that differs."""
    names = sorted(whole.keys() | cut.keys())
    missing, other = "is not in the run that was killed", "is in the run that was killed alone"
    found = {name: missing if name not in cut else other if name not in whole else "differs" for name in names}
    return [f"{name} {found[name]}" for name in names if whole.get(name) != cut.get(name)]


def _add(value: Any, update: Callable[[bytes], object]) -> None:
    """Adds a checkpoint's part to a hash."""
    if isinstance(value, torch.Tensor):
        update(f"{value.dtype} {list(value.shape)}".encode())
        update(value.contiguous().view(torch.uint8).numpy().tobytes() if value.numel() and value.dim() else b"")
        update(repr(value.tolist()).encode() if not value.dim() else b"")
    elif isinstance(value, dict):
        for key, one in value.items():
            update(repr(key).encode())
            _add(one, update)
    elif isinstance(value, list | tuple):
        for one in value:
            _add(one, update)
    else:
        update(repr(value).encode())


def _words(words: list[str], name: str, folder: Path) -> list[str]:
    """The command that begins a run, or goes on with it where it was begun."""
    begun = (folder / "runs" / name / "recipe.yaml").is_file()
    return ["train", *(["--resume"] if begun else words), "--run", name]


def _start(words: list[str], folder: Path) -> int:
    """Forks a process for a command of advloss, whose output goes to a file. Gives its number."""
    process = os.fork()
    if process:
        return process
    try:
        os.chdir(folder)
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(output, number)
        sys.argv = ["advloss", *words]
        app()
    except SystemExit as end:
        os._exit(int(end.code or 0))
    finally:
        os._exit(70)  # a traceback


def _finish(words: list[str], folder: Path) -> None:
    """Runs a command to its end. RuntimeError, with what it printed, if that is not a good one."""
    _, status = os.waitpid(_start(words, folder), 0)
    if status:
        raise RuntimeError(f"{' '.join(words)}: {(folder / 'output.txt').read_text(errors='replace')}")


def _killed(words: list[str], folder: Path, wait: float) -> bool:
    """Starts a command and kills it after `wait` seconds; whether it was alive until then."""
    process = _start(words, folder)
    time.sleep(wait)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(words)}: {(folder / 'output.txt').read_text(errors='replace')}")
    return os.WIFSIGNALED(status)


def main() -> int:
    """Returns the exit code: 0, or 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="in all, divided among the recipes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = []
    for number, recipe in enumerate(RECIPES):
        share = (arguments.kills + number) // len(RECIPES)
        with tempfile.TemporaryDirectory() as folder:
            results.append(play(recipe, share, random.Random(f"{arguments.seed} {recipe}"), Path(folder)))
        print("\n".join(results[-1].differences), end="", file=sys.stderr, flush=True)
    print(f"{'recipe':16}{'kills':>7}{'before a checkpoint':>21}{'runs':>6}{'that differ':>13}")
    for one in results:
        wrong = len({sentence.partition(":")[0] for sentence in one.differences})
        print(f"{one.recipe:16}{one.kills:7}{one.early:21}{one.runs:6}{wrong:13}")
    return int(any(one.differences for one in results))


if __name__ == "__main__":
    sys.exit(main())
