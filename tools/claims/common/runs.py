"""Trains and uses models as a user does, by the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


def advloss(folder: Path, *words: str) -> str:
    """Runs `advloss WORDS` in a folder; gives its standard output. Raises InputError with its messages if it fails."""
    command = [sys.executable, "-c", "from advloss.cli.main import main; main()", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise InputError(f"advloss {' '.join(words)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def said(sentence: str) -> None:
    """Prints a sentence of a checker, which is no result, to standard error."""
    print(sentence, file=sys.stderr, flush=True)


def trained(folder: Path, run: str, *words: str) -> Path:
    """Trains, as `advloss train WORDS --run RUN`; gives the run's folder. What is trained already is not again."""
    path = folder / "runs" / run
    said(f"advloss train {' '.join(words)} --run {run}")
    advloss(folder, "train", *words, "--run", run, *(["--resume"] if (path / "checkpoint.pt").exists() else []))
    return path


def measured(run: Path, group: str) -> list[dict[str, Any]]:
    """The lines of a run's log that have this group, such as `validation` or `losses`, in their order."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if group in line]


def check_looks(iterations: int, every: int) -> None:
    """Raises InputError unless there is a look at the run, one each `every` iterations."""
    if not 1 <= every <= iterations:
        raise InputError(f"--every {every}: it is 1 to --iterations {iterations}")
