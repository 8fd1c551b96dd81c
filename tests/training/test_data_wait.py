"""How long a device waits for its data: all that fetching takes, unless it is at work meanwhile."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from advloss.training.data_wait import DataWait
from tests.training.started import TINY, done, log, two_sides


class Clock:
    """Stands still but for what takes time."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Event:
    """Stands behind iterations that take so long."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.passes = clock.now  # one that was never recorded has passed

    def record(self) -> None:
        self.passes = self.clock.now + self.seconds

    def query(self) -> bool:
        return self.clock.now >= self.passes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.perf_counter", clock)
    return clock


def slow(clock: Clock, seconds: float) -> Iterator[int]:
    """Batches that take so long each."""
    for number in itertools.count():
        clock.now += seconds
        yield number


def test_on_the_cpu_all_of_it_is_waiting(clock: Clock) -> None:
    waiting, batches = DataWait(torch.device("cpu")), slow(clock, 0.25)
    for first in (0, 2):
        assert waiting.take(batches, 2) == ([first, first + 1], 0.5)
        waiting.played()


@pytest.mark.parametrize(("iteration", "waited"), [(0.6, 0.0), (0.4, 0.5)])
def test_on_a_gpu_only_where_it_has_nothing_to_do(clock: Clock, iteration: float, waited: float) -> None:
    waiting, batches = DataWait(torch.device("cpu")), slow(clock, 0.25)
    waiting.event = Event(clock, iteration)  # type: ignore[assignment]
    assert waiting.take(batches, 2)[1] == 0.5  # the first comes before any iteration
    for _ in range(2):
        waiting.played()
        assert waiting.take(batches, 2)[1] == waited


def test_it_is_said_once_and_not_of_the_start() -> None:
    waiting = DataWait(torch.device("cpu"))
    said = [waiting.warning(share, "do this") for share in (0.9, 0.05, 0.236, 0.5)]
    assert said == [None, None, "24% of the time is spent waiting for pictures (data_wait in log.jsonl): do this", None]


def test_a_run_logs_its_share_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))
    words = ["train", "recipe=cyclegan-small", "photos", *TINY, "samples=[]", "--device", "cpu", "--iterations", "3"]
    words += ["--run", "run"]
    done(*words)
    lines = [entry for entry in log(Path(), "run") if "losses" in entry]
    assert all(0 < entry["data_wait"] < 1 for entry in lines) and len(lines) == 3

    monkeypatch.setattr("advloss.training.data_wait.MUCH", 0.0)
    result = done(*words[:-1], "told", "data.memory=off")
    told = [line for line in result.stderr.splitlines() if "waiting for pictures" in line]
    assert len(told) == 1 and told[0].startswith("iteration 2: ") and "data.workers=" in told[0]
