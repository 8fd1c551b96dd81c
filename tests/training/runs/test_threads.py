"""The threads of a training: chosen at a run's start and at its checkpoints, which hold the number."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from advloss.core import threads as cores
from advloss.core.threads import Load
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.processes import Processes
from advloss.training.run.threads import Threads
from tests.training.started import TINY, done, two_sides

RUN = Path("runs/run")
WORDS = ["train", "recipe=cyclegan-small", *TINY, "photos", "--run", "run", "samples=[]", "train.checkpoint_every=2"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder with data, on a machine where torch takes two threads and the user has said nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    two_sides(Path("photos"))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def others_use(monkeypatch: pytest.MonkeyPatch, *busy: float) -> None:
    """How many cores other programs use: at each look, the first when the process starts, the last from then on."""
    looks = iter(busy)
    now = [0.0, 0.0, busy[-1]]

    def load() -> Load:
        now[:] = now[0] + 1, now[1] + (last := next(looks, now[2])), last
        return Load(now[0], now[1], 0.0)

    monkeypatch.setattr(cores, "STARTED", Load(0, 0, 0))
    monkeypatch.setattr(cores, "load", load)
    torch.set_num_threads(2)  # as in a process of its own


def changes() -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (RUN / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "changed" in line]


@pytest.mark.slow
@pytest.mark.parametrize("resume", [WORDS, ["train", "--run", "run"]], ids=["by words", "by name"])
@pytest.mark.parametrize(("first", "then"), [(2, 0), (0, 2)])
def test_a_killed_run_plays_the_same_iterations_again_whatever_the_load_is_then(
    first: int, then: int, resume: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other programs come or go between the first checkpoint and the second, while the run is stopped too."""
    others_use(monkeypatch, first, first, then)
    whole = done(*WORDS, "--iterations", "6")
    assert ("computes in 1 of 2 threads" in whole.stderr.partition("iteration")[0]) == (first == 2)
    count = {0: 2, 2: 1}
    said = [{"iteration": 4, "changed": [f"threads: {count[first]} then, {count[then]} now"]}]
    assert changes() == said
    RUN.rename("runs/whole")

    others_use(monkeypatch, first)
    done(*WORDS, "--iterations", "2")  # its end is a checkpoint, as if it were killed after that
    others_use(monkeypatch, then)
    again = done(*resume, "--iterations", "6", "--resume")
    assert f", {count[first]} threads" in again.stderr and changes() == said
    assert (RUN / "model.safetensors").read_bytes() == Path("runs/whole/model.safetensors").read_bytes()
    torch.set_num_threads(2)


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
    torch.set_num_threads(2)
    chosen = Threads(recipe, None, Processes("cpu"), said.append)
    assert chosen.count is None and chosen.look() is None
    assert said == ["OMP_NUM_THREADS counts: 2 threads, not train.threads=1; sums may round otherwise"]
    assert torch.get_num_threads() == 2
