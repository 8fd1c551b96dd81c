"""`train.on_nan=rollback`: back to the last good checkpoint with half the rate, at most so many times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advloss.core.clock import Schedule
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.run.checkpoint import read_checkpoint
from advloss.training.run.rollback import lowered
from tests.training.started import TINY, advloss, done, log, refused, two_sides

RUN = Path("runs/run")
WORDS = ["train", "recipe=cyclegan-small", *TINY, "photos", "--run", "run", "samples=[]", "train.on_nan=rollback"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    two_sides(Path("photos"))


def spoilt_at(iteration: int, rates: float) -> Callable[..., Any]:
    """An iteration that gives NaN in that iteration (from 0), where the rate is above `rates`."""
    play = FastStep.play

    def spoilt(self: FastStep, batches: Any, number: int) -> Any:
        losses = play(self, batches, number)
        if number == iteration and (self.players["generator"].rate or 0) > rates:
            losses["cycle_a"] = losses["cycle_a"] * float("nan")
        return losses

    return spoilt


def test_it_goes_back_with_half_the_rate_and_a_killed_one_ends_with_the_same_bytes(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as context:
        context.setattr(FastStep, "play", spoilt_at(4, 1.5e-4))  # 4e-4 and 2e-4 are too high
        said = done(*WORDS, "--iterations", "8").stderr
    assert said.count("changed after iteration 4: train.on_nan=rollback (") == 2
    assert (
        "(1 of at most 3): losses.cycle_a: its loss is nan in iteration 5; optimizer.lr: 0.0004 then, 0.0002 now"
        in said
    )
    assert [entry["iteration"] for entry in log(Path(), "run") if "losses" in entry] == [*range(1, 9)]
    changed = [entry["changed"] for entry in log(Path(), "run") if "changed" in entry]
    assert [lines[1] for lines in changed] == [
        "optimizer.lr: 0.0004 then, 0.0002 now",
        "optimizer.lr: 0.0002 then, 0.0001 now",
    ]
    assert "lr: 0.0001" in (RUN / "recipe.yaml").read_text()
    whole = (RUN / "model.safetensors").read_bytes()

    RUN.rename("runs/whole")
    with monkeypatch.context() as context:
        context.setattr(FastStep, "play", spoilt_at(4, 1.5e-4))
        done(*WORDS, "--iterations", "6")
    done("train", "--run", "run", "--resume", "--iterations", "8")
    assert (RUN / "model.safetensors").read_bytes() == whole


def test_it_goes_back_no_more_often_than_the_recipe_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(FastStep, "play", spoilt_at(2, 0.0))
    said = refused(*WORDS, "--iterations", "4", "train.rollbacks=2", code=1)
    assert "It went back 2 times already (train.rollbacks). The last good checkpoint is runs/run/checkpoint.pt" in said
    assert said.strip().endswith("--change optimizer.lr=5e-05")
    saved = read_checkpoint(RUN / "checkpoint.pt")
    assert saved["iteration"] == 2 and len(saved["history"]) == 2


def test_without_a_checkpoint_it_stops(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(FastStep, "play", spoilt_at(0, 0.0))
    assert "There is no checkpoint yet." in refused(*WORDS, "--iterations", "4", code=1)


def test_every_rate_is_halved():
    source = read("context-encoder-small")
    source.override("optimizer.lr={from: 2e-3, to: 1e-3, over: 10}")
    recipe = lowered(resolve(source))
    assert recipe.optimizer.parameters["lr"] == Schedule(1e-3, 5e-4, over=10)
    assert recipe.optimizer.parameters["discriminator"]["lr"] == 1e-4
    assert lowered(resolve(read("aae-small"))).optimizer.parameters["lr"] == Schedule.steps({0: 5e-4, 2000: 1e-4})


@pytest.mark.slow
def test_two_processes_go_back_together_and_stop_together(tmp_path: Path):
    """The rate is far too high from iteration 4 on, also after it was halved twice."""
    rate = "optimizer.lr={0: 4e-4, 4: 1e30}"
    ended = advloss(tmp_path, *WORDS, "--iterations", "9", rate, "train.rollbacks=2", processes=2)
    assert ended.returncode == 1 and "It went back 2 times already" in ended.stderr
    changed = [entry["changed"] for entry in log(tmp_path, "run") if "changed" in entry]
    assert [lines[0][:36] for lines in changed] == [f"train.on_nan=rollback ({n} of at most 2)"[:36] for n in (1, 2)]
    assert max(entry["iteration"] for entry in log(tmp_path, "run")) <= 6
