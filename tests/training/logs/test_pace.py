"""The time of a training: its plan, its end after so many minutes, and what a run says of its sessions."""

import json
from pathlib import Path

import pytest
import torch

from advloss.core.words import duration
from advloss.training.run import pace
from advloss.training.run.pace import Pace, time_left
from tests.training.started import TINY, done, log, refused, two_sides

SMALL = ["train", "recipe=cyclegan-small", "photos", *TINY, "train.sample_every=4"]


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def test_the_plan_comes_after_20_iterations_and_counts_the_last_10(clock: Clock) -> None:
    """The first ten are slow, and pauses don't count: 2 s an iteration, 180 of them are left."""
    measured, said = Pace(torch.device("cpu"), 210, 10, None), []
    for iteration in range(11, 41):
        clock.now += 2 if iteration > 20 else 30
        if sentence := measured.plan(iteration):
            said.append((iteration, sentence))
        measured.pause()
        clock.now += 7
        measured.resume()
    ((iteration, sentence),) = said
    assert iteration == 30
    assert sentence.startswith("180 iterations are left, of 2 s each: 6 min; samples, validation and checkpoints come")
    assert "GiB of memory are taken" in sentence


def test_the_plan_says_what_the_minutes_leave(clock: Clock) -> None:
    measured = Pace(torch.device("cpu"), 1000, 0, 2)
    for iteration in range(1, 20):
        clock.now += 1
        measured.plan(iteration)
    clock.now += 1
    assert "980 iterations are left, of 1 s each: 16 min, of which --minutes 2 leaves 2 min" in str(measured.plan(20))
    assert not measured.over()
    clock.now += 100
    assert measured.over()
    assert not Pace(torch.device("cpu"), 1000, 0, None).over()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h 0 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_time_that_is_left_is_said_where_there_is_some() -> None:
    assert time_left(0, 50, 10, 24) == ["2 min left"]
    assert time_left(0, 50, 10, 0) == time_left(0, 50, 0, 24) == []


def test_minutes_end_a_run_that_resumes_to_the_bytes_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))
    done(*SMALL, "--run", "whole", "--iterations", "4")
    ended = done(*SMALL, "--run", "cut", "--iterations", "4", "--minutes", "1e-6")
    assert "the 1e-06 minutes are over after iteration 1 of 4; go on with --resume" in ended.stderr
    folder = Path("runs/cut")
    assert (folder / "model.safetensors").is_file() and ended.stdout == "runs/cut/model.safetensors\n"
    assert [path.name for path in (folder / "samples").iterdir()] == ["0000001.png"]
    done("train", "--run", "cut", "--resume")
    assert (folder / "model.safetensors").read_bytes() == Path("runs/whole/model.safetensors").read_bytes()
    ours, theirs = ([line["losses"] for line in log(Path(), run) if "losses" in line] for run in ("cut", "whole"))
    assert ours == theirs and len(ours) == 4
    assert [path.name for path in sorted((folder / "samples").iterdir())] == ["0000001.png", "0000004.png"]

    sessions = [json.loads(line) for line in (folder / "sessions.jsonl").read_text().splitlines()]
    assert [session.get("ended") for session in sessions] == [None, "stopped", None, "finished"]
    assert sessions[0]["words"][:2] == ["recipe=cyclegan-small", "photos"] and sessions[0]["total"] == 4
    assert sessions[0]["plan"][0].startswith("4 iterations") and sessions[0]["data"][0].startswith("photos: train")
    assert (sessions[2]["iteration"], sessions[3]["iteration"]) == (1, 4)
    seconds = [line["seconds"] for line in log(Path(), "cut") if "seconds" in line]
    assert seconds == sorted(seconds) and all(line["memory"] > 0 for line in log(Path(), "cut") if "memory" in line)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_are_above_0(minutes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"--minutes {minutes}: is a number above 0" in refused(*SMALL, "--minutes", minutes)
    assert list(tmp_path.iterdir()) == []
