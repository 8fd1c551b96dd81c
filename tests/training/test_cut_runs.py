"""Runs of CUT and FastCUT: resumed exactly, in two processes, and their model files translate."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import advloss
from tests.data.pictures import fill
from tests.training.started import done, log, succeed

SMALL = [
    *("networks.generator.width=4", "networks.generator.blocks=5", "losses.adversarial.discriminator.width=4"),
    *("losses.nce.width=8", "method.patches=20", "data.load=36", "data.crop=32", "train.log_every=1"),
    *("train.checkpoint_every=2", "train.sample_every=100", "train.validate_every=100"),
]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words for two folders of six pictures."""
    monkeypatch.chdir(tmp_path)
    for side in "ab":
        fill(tmp_path / side, 6, height=40, width=40)
    return [f"data.{side}={side}" for side in "ab"]


def losses(run: str) -> list[dict[str, float]]:
    return [entry["losses"] for entry in log(Path(), run) if "losses" in entry]


@pytest.mark.parametrize("recipe", [pytest.param("cut", marks=pytest.mark.slow), "fastcut"])
def test_a_run_that_is_stopped_goes_on_to_the_same_bytes_and_translates(recipe: str, words: list[str]) -> None:
    train = ["train", f"recipe={recipe}", *words, *SMALL, "--device", "cpu", "--run"]
    done(*train, "whole", "--iterations", "4")
    done(*train, "cut", "--iterations", "2")
    done(*train, "cut", "--iterations", "4", "--resume")
    model = Path("runs/whole/model.safetensors")
    assert model.read_bytes() == Path("runs/cut/model.safetensors").read_bytes()
    assert losses("whole") == losses("cut") and len(losses("whole")) == 4
    saved = torch.load("runs/cut/checkpoint.pt", weights_only=True)
    assert any("heads.4.2.weight" in key for key in saved["terms"])
    assert not any("heads" in key for key in load_file(model))
    done("translate", model, "a", "made")
    assert len(list(Path("made").iterdir())) == 6
    assert advloss.load(model).directions == ["a2b"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cut", "fastcut"])
def test_two_processes_are_one_of_the_doubled_batch(recipe: str, words: list[str]) -> None:
    train = [
        "train",
        f"recipe={recipe}",
        *words,
        *SMALL,
        "data.flip=false",
        "train.precision=fp64",
        "--iterations",
        "4",
    ]
    succeed(Path(), *train, "--run", "one", "data.batch=2")
    succeed(Path(), *train, "--run", "two", "data.batch=1", processes=2)
    assert len(losses("one")) == 4
    for two, one in zip(losses("two"), losses("one"), strict=True):
        assert two == pytest.approx(one, rel=1e-8)
    ours, theirs = (load_file(f"runs/{run}/model.safetensors") for run in ("two", "one"))
    for name, value in theirs.items():
        if name.endswith(".bias") and "last" not in name:  # instance norms take it out: its gradient is rounding
            assert (ours[name] - value).abs().max() <= 2 * 4 * 2e-4, name
        else:
            torch.testing.assert_close(ours[name], value, rtol=1e-8, atol=1e-10, msg=name)
