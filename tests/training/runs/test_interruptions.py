"""What an interruption must not change: validation, TensorBoard; and what a failure must say."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import advloss.training.loop as trainer
from advloss.core.errors import NotFinite
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.processes import backends
from tests.training.started import TINY, done, invoke, log, two_sides

SMALL = ["train", "recipe=cyclegan-small", *TINY, "photos", "--run", "run"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))


class AfterFour:
    """An Interrupt that a signal reaches in the fourth iteration."""

    def __init__(self) -> None:
        self.iterations = 0

    def __enter__(self) -> "AfterFour":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.iterations += 1
        return self.iterations >= 4


def test_a_validation_that_is_due_in_the_iteration_of_a_signal_is_made(monkeypatch: pytest.MonkeyPatch):
    words = [
        *SMALL,
        "--iterations",
        "8",
        "train.validate_every=4",
        "metrics={cycle: {metric: l1, between: [cycle_a, a]}}",
    ]
    for side in "AB":
        (Path("photos") / f"val{side}").symlink_to(Path(f"photos/train{side}").resolve())
    with monkeypatch.context() as context:
        context.setattr(trainer, "Interrupt", AfterFour)
        assert invoke(*words).exit_code == 130
    done("train", "--run", "run", "--resume")
    assert [line["iteration"] for line in log(Path(), "run") if "validation" in line] == [4, 8]


def test_tensorboard_keeps_every_iteration_of_a_resumed_run():
    done(*SMALL, "--iterations", "3")
    done("train", "--run", "run", "--resume", "--iterations", "5")
    events = EventAccumulator("runs/run/tensorboard").Reload()
    assert [event.step for event in events.Scalars("losses/cycle_a")] == [1, 2, 3, 4, 5]


def test_logits_that_are_no_numbers_stop_with_the_terms_name():
    source = read("cyclegan-small")
    for override in TINY:
        source.override(override)
    executor = FastStep(build(resolve(source)), torch.device("cpu"))
    with torch.no_grad():
        next(executor.by_name["adversarial_b"].parameters()).fill_(float("nan"))
    with pytest.raises(NotFinite, match=r"losses\.adversarial_b: the discriminator's logits are NaN"):
        executor.play([{side: torch.rand(1, 3, 32, 32) * 2 - 1 for side in "ab"}], 0)


def test_models_are_broadcast_before_they_move_so_the_cpu_has_a_backend_besides_the_gpus():
    assert backends(torch.device("cuda")) == "cpu:gloo,cuda:nccl"
    assert backends(torch.device("cpu")) == "gloo"
