"""The tool that kills trainings."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tools.kills import RECIPES, differences, state

TOOL = Path(__file__).resolve().parents[2] / "tools/kills.py"


def test_a_run_that_differs_anywhere_is_found(tmp_path: Path) -> None:
    def run(name: str, weight: float = 1.0, loss: float = 0.5, more: str = "") -> dict[str, str]:
        folder = tmp_path / name
        (folder / "tensorboard").mkdir(parents=True)
        (folder / "tensorboard" / name).write_text(name)
        content = {"iteration": 3, "terms": {"a": torch.tensor([weight])}, "best": None, "one": [torch.tensor(weight)]}
        torch.save(content, folder / "checkpoint.pt")
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "log.jsonl").write_text(
            f'{{"iteration": 1, "losses": {{"l1": {loss}}}, "images_per_second": {name[-1]}}}\n'
        )
        if more:
            (folder / more).write_bytes(b"")
        return state(folder)

    whole = run("1")
    assert differences(whole, run("2")) == []
    assert differences(whole, run("3", weight=1.0000001)) == ["checkpoint.pt differs"]
    assert differences(whole, run("4", loss=0.6)) == ["log.jsonl differs"]
    assert differences(whole, run("5", more=".lock")) == [".lock is in the run that was killed alone"]
    assert differences(run("6", more="best.safetensors"), whole) == [
        "best.safetensors is not in the run that was killed"
    ]


@pytest.mark.slow
def test_six_kills_change_nothing() -> None:
    words = [sys.executable, str(TOOL), "--kills", "6", "--seed", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == [*RECIPES] and sum(int(row[1]) for row in rows) == 6
    assert all(row[-1] == "0" for row in rows)
