"""What lies in a run folder: sweeping, cutting the log, and the checkpoint that holds all that the next
iteration needs."""

from pathlib import Path

import pytest
import torch

from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.processes import Processes
from advloss.training.run.changes import changes, lines_of
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from advloss.training.run.folder import RunFolder
from tests.training.started import TINY, done, log, two_sides
from tests.training.test_steps import batch, make_executor, weights

SMALL = ["train", "recipe=cyclegan-small", "photos", *TINY, "samples=[]", "--run", "run"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_checkpoint_holds_all_that_the_next_iteration_depends_on():
    words = [*TINY, "train.average=0.9", "train.precision=fp16", "losses.adversarial_a.discriminator.norm=batch"]
    images = [batch(number, dtype=torch.float32) for number in range(8)]
    processes, path = Processes("cpu"), Path("checkpoint.pt")
    one = make_executor(*words)
    for number in range(4):  # which fills the pools of three
        one.play([images[number]], number)
    recipe = resolve(read("cyclegan-small"))
    write_checkpoint(path, one, recipe, {"iteration": 4, "best": None}, processes)
    expected = [one.play([images[number]], number) for number in range(4, 8)]

    two = make_executor(*words, "seed=9")
    torch.manual_seed(123)
    restore(read_checkpoint(path), two, processes)
    for number in range(4, 8):
        losses = two.play([images[number]], number)
        assert all(torch.equal(value, expected[number - 4][name]) for name, value in losses.items())
    for name, value in weights(two).items():
        assert torch.equal(value, weights(one)[name]), name
    averages = (each.average.module.state_dict() for each in (one, two))
    assert all(torch.equal(x, y) for x, y in zip(*(state.values() for state in averages), strict=True))
    assert not list(Path().glob(".advloss*"))


def test_strays_of_a_killed_process_are_swept_at_the_next_start():
    two_sides(Path("photos"))
    done(*SMALL, "--iterations", "1")
    for place in (Path("runs/run"), Path("runs/run/samples")):
        (place / ".advloss-0123abcd").mkdir()
        for name in ("lock", "new.pt", ".tmp4aBcDe"):  # ours, and one of safetensors
            (place / ".advloss-0123abcd" / name).write_bytes(b"half")
    done("train", "--run", "run", "--resume", "--iterations", "2")
    assert not list(Path("runs/run").rglob(".*"))


def test_a_log_that_is_longer_than_the_checkpoint_or_cut_short_is_cut():
    two_sides(Path("photos"))
    done(*SMALL, "--iterations", "3", "train.checkpoint_every=2")
    done(*SMALL[:-1], "whole", "--iterations", "5", "train.checkpoint_every=2")
    folder = Path("runs/run")
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"iteration": 9, "losses": {}}\nnot json\n[]\n{"iteration": 4, "los')
    assert content["iteration"] == 3
    done("train", "--run", "run", "--resume", "--iterations", "5")
    lines = log(Path(), "run")
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["losses"] for line in lines] == [line["losses"] for line in log(Path(), "whole")]


def test_a_kill_between_the_last_checkpoint_and_its_model_file():
    two_sides(Path("photos"))
    done(*SMALL, "--iterations", "3")
    model = Path("runs/run/model.safetensors")
    whole = model.read_bytes()
    for left_behind in (None, b"an older one"):
        model.unlink()
        if left_behind:
            model.write_bytes(left_behind)
        done("train", "--run", "run", "--resume")
        assert model.read_bytes() == whole


def test_an_empty_folder_is_no_run():
    two_sides(Path("photos"))
    Path("runs/run").mkdir(parents=True)
    done(*SMALL, "--iterations", "1")


def test_what_may_change_between_a_run_and_its_resumption():
    def recipe(*overrides: str):
        source = read("cyclegan-small")
        for override in overrides:
            source.override(override)
        return resolve(source)

    free = [
        f"train.{name}=7" for name in ("iterations", "log_every", "sample_every", "validate_every", "checkpoint_every")
    ]
    assert changes(recipe(), recipe(*free, "data.workers=2", "data.memory=off", "data.a=here", "data.val=there")) == {}
    words = ["data.batch=2", "seed=1", "train.steps={discriminator: 1, generator: 1}"]
    assert lines_of(changes(recipe(), recipe(*words))) == [
        "data.batch: 1 then, 2 now",
        "seed: 0 then, 1 now",
        "train.steps: generator 1, discriminator 1 then, discriminator 1, generator 1 now",
    ]


def test_the_folder_of_a_run_that_can_not_be_made():
    from advloss.core.errors import InputError

    Path("runs").write_text("a file")
    with pytest.raises(InputError, match=r"runs/run: can't be written \(Not a directory\)"):
        RunFolder(Path("runs/run")).create(resolve(read("cyclegan-small")))
