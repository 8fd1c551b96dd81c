"""How long a command takes to start, beside `import torch` by itself."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from advloss.core.errors import InputError
from tools.benchmarks.measuring import measure

ROOT = Path(__file__).resolve().parents[2]

COMMANDS = {
    "import torch": ["-c", "import torch"],
    "--help": ["-m", "advloss", "--help"],
    "recipes": ["-m", "advloss", "recipes"],
    "show": ["-m", "advloss", "show", "recipe=cyclegan-small"],
}


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--turns", type=int, default=5, help="of each command")
    parser.add_argument("--model", type=Path, help="weights that enlarge; then `upscale` of a picture of 24 pixels too")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each command, and of its processor time, in turns."""
    if arguments.turns < 1:
        raise InputError(f"--turns {arguments.turns}: must be at least 1")
    commands = dict(COMMANDS)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model is not None:
            picture, model = Path(folder, "small.png"), str(arguments.model.resolve())
            Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(picture)
            commands["upscale"] = ["-m", "advloss", "upscale", str(picture), f"{folder}/large.png", "--overwrite"]
            commands["upscale"] += ["--model", model]
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.turns):
            for name, words in commands.items():
                taken[name].append(started(words))
    sides = {name: zip(*pairs, strict=True) for name, pairs in taken.items()}
    kinds = ("seconds", "processor_seconds")
    return {
        name: dict(zip(kinds, (measure.spread(list(values)) for values in both), strict=True))
        for name, both in sides.items()
    }


def started(words: list[str]) -> tuple[float, float]:
    """(seconds, seconds of processor time) of `python WORDS`. Raises InputError if it fails."""
    before, start = os.times(), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise InputError(f"{' '.join(words)}: failed: {done.stderr.strip()}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used
