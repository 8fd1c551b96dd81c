"""Folders of runs, written by hand, for tests."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

RECIPE = """method: {name: cyclegan}
optimizer: {name: adam, lr: %s}
losses:
  l1: {loss: l1, between: [a, b], weight: %s}
train:
  iterations: 400
  steps: {generator: 1, discriminator: 1}
"""
BEGAN = {
    "time": "2026-01-02 03:04:05",
    "iteration": 0,
    "total": 400,
    "words": ["recipe=cyclegan-small", "stripes"],
    "plan": ["400 iterations (2 epochs of 200), fast on cpu, 1 threads", "generator: trains g_ab 0.72 M parameters"],
    "data": ["stripes: train 200 of a and 200 of b", "no problems found"],
    "device": "x86_64",
    "processes": 1,
    "versions": {"advloss": "0.0", "torch": "2.0"},
}
DOCTOR = {
    "rule": "discriminator_wins",
    "sentence": "the discriminator wins: <b>its loss</b> is 0",
    "remedy": "a lower rate for it",
}


def logged(iteration: int) -> dict[str, Any]:
    """An entry of the log with losses."""
    losses = {"l1": 1 / iteration, "adversarial": 0.5, "adversarial.discriminator": 0.25}
    rates = {"lr": 1e-3, "images_per_second": 8.0, "seconds": iteration / 4, "memory": 1.5}
    return {"iteration": iteration, "epoch": 0, "losses": losses} | rates


def entries() -> list[dict[str, Any]]:
    """The log of 400 iterations, with all kinds of entries."""
    found: list[dict[str, Any]] = []
    for iteration in range(20, 401, 20):
        found += [logged(iteration), {"iteration": iteration, "health": {"adversarial": {"right": 0.9}}}]
        if iteration % 100 == 0:
            measured = {"kid": 1 / iteration, "kid_low": 0.5 / iteration, "kid_high": 2 / iteration}
            found.append({"iteration": iteration, "validation": measured})
    found.append({"iteration": 200, "doctor": DOCTOR})
    found.append({"iteration": 300, "changed": ["optimizer.lr: 0.001 then, 0.0005 now"]})
    found.append({"iteration": 400, "test": {"psnr": 23.456}})
    return found


def write_run(
    folder: Path,
    lines: list[dict[str, Any]] | None = None,
    *,
    rate: str = "0.001",
    weight: str = "10",
    samples: tuple[int, ...] = (1, 200, 400),
    ended: str | None = "finished",
) -> Path:
    """A run in a new folder."""
    (folder / "samples").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE % (rate, weight))
    sessions = [BEGAN, *([{"time": "-", "iteration": 400, "ended": ended, "why": ""}] if ended else [])]
    (folder / "sessions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in sessions))
    log = entries() if lines is None else lines
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in log))
    for iteration in samples:
        Image.new("RGB", (90, 60), (iteration % 255, 80, 160)).save(folder / f"samples/{iteration:07d}.png")
    return folder
