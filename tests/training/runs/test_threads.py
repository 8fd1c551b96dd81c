"""The threads of a training: chosen once, at a run's start, and kept to its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from advloss.core.threads import Load
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.processes import Processes
from advloss.training.run import threads
from tests.training.started import TINY, done, two_sides

RUN = Path("runs/run")
WORDS = ["train", "recipe=cyclegan-small", *TINY, "photos", "--run", "run", "samples=[]"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder with data, on a machine where torch takes two threads and the user has said nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "STARTED", Load(0, 0, 0))
    two_sides(Path("photos"))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def others_use(monkeypatch: pytest.MonkeyPatch, cores: float) -> None:
    monkeypatch.setattr(threads, "load", lambda: Load(1, cores, 0))
    torch.set_num_threads(2)  # as in a process of its own


def kept() -> int | None:
    return yaml.safe_load((RUN / "recipe.yaml").read_text(encoding="utf-8"))["train"].get("threads")


@pytest.mark.slow
@pytest.mark.parametrize(("busy", "later", "count"), [(2, 0, 1), (0, 2, 2)])
@pytest.mark.parametrize("resume", [WORDS, ["train", "--run", "run"]], ids=["by words", "by name"])
def test_a_resumed_run_ends_in_the_same_bytes_whatever_the_load_is_then(
    busy: int, later: int, count: int, resume: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others_use(monkeypatch, busy)
    first = done(*WORDS, "--iterations", "2")
    assert ("computes in 1 of 2 threads" in first.stderr) == (count == 1)
    assert kept() == (1 if count == 1 else None)
    others_use(monkeypatch, later)
    again = done(*resume, "--iterations", "4", "--resume")
    assert torch.get_num_threads() == count
    assert "computes in" not in again.stderr and f", {count} threads" in again.stderr
    stopped = (RUN / "model.safetensors").read_bytes()
    RUN.rename("runs/stopped")
    others_use(monkeypatch, busy)
    done(*WORDS, "--iterations", "4")
    assert (RUN / "model.safetensors").read_bytes() == stopped


@pytest.mark.parametrize(
    ("said", "environment", "count"), [(["train.threads=1"], {}, 1), ([], {"OMP_NUM_THREADS": "2"}, 2)]
)
def test_what_the_user_says_wins(
    said: list[str], environment: dict[str, str], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_use(monkeypatch, 0 if said else 2)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    trained = done(*WORDS, "--iterations", "1", *said)
    assert torch.get_num_threads() == count and "computes in" not in trained.stderr


def test_a_number_that_the_user_s_own_overrules_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    said: list[str] = []
    recipe = resolve(read("cyclegan-small"))
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"threads": 1})})
    assert threads.with_threads(recipe, False, Processes("cpu"), said.append) is recipe
    assert said == ["OMP_NUM_THREADS counts: 2 threads, not train.threads=1; sums may round otherwise"]
    assert torch.get_num_threads() == 2
