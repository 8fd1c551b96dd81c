"""Points from noise: from a recipe to a model file, and what samples show."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import advloss
from advloss.core.errors import InputError
from advloss.evaluation.scatter import HEADER, SIDE
from advloss.inference.generating import Sampling
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.executors import FastStep, PlainStep
from tests.training.started import done, log, refused, succeed

SMALL = ["networks.generator.width=8", "losses.adversarial.discriminator.width=8", "data.batch=16"]
OFTEN = ["train.log_every=1", "train.checkpoint_every=2", "train.sample_every=3"]
WORDS = ["train", "recipe=points", "ring", *SMALL, *OFTEN]


def made(*overrides: str) -> Built:
    source = read("points")
    for override in (*SMALL, "train.precision=fp64", *overrides):
        source.override(override)
    return build(resolve(source))


def learned(built: Built) -> list[Tensor]:
    return [*built.method.state_dict().values(), *built.terms.state_dict().values()]


def test_a_run_gives_pictures_and_a_model_and_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done(*WORDS, "--iterations", "6", "--run", "whole")
    with Image.open("runs/whole/samples/0000003.png") as picture:
        assert picture.size == (SIDE, HEADER + SIDE)
        assert len(picture.getcolors(SIDE * SIDE) or ()) > 3  # points, not an empty plane
    model = advloss.load("runs/whole/model.safetensors")
    points = model.sample(5, seed=3)
    assert points.shape == (5, 2) and torch.equal(points, model.sample(5, seed=3))
    sampler = model.sampler(Sampling(seed=3))
    z = torch.from_numpy(np.stack([sampler.noise(number) for number in range(5)]))
    torch.testing.assert_close(points, model.method.generator(z).detach(), rtol=0, atol=1e-6)
    done(*WORDS, "--iterations", "4", "--run", "cut")
    done(*WORDS, "--iterations", "6", "--run", "cut", "--resume")
    whole, cut = (Path("runs", name, "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_doubled_batch(tmp_path: Path) -> None:
    words = [*WORDS, "train.precision=fp64", "--iterations", "6", "--run"]
    succeed(tmp_path, *words, "one", "data.batch=32")
    succeed(tmp_path, *words, "two", processes=2)
    ours, theirs = ([entry["losses"] for entry in log(tmp_path, run) if "losses" in entry] for run in ("two", "one"))
    assert len(ours) == len(theirs) == 6
    for two, one in zip(ours, theirs, strict=True):
        assert two == pytest.approx(one, rel=1e-8)


def test_both_executors_compute_the_same() -> None:
    plain, fast = made(), made()
    players = PlainStep(plain, torch.device("cpu")), FastStep(fast, torch.device("cpu"))
    before = [value.clone() for value in learned(plain)]
    for number in range(20):
        draw = torch.Generator().manual_seed(number)
        batch = {name: torch.randn(16, 2, generator=draw, dtype=torch.float64) for name in ("point", "noise")}
        for player in players:
            player.play([batch], number)
    for start, one, other in zip(before, learned(plain), learned(fast), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
        assert not torch.equal(start, one)


def test_points_of_your_own_may_have_any_number_of_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32))
    words = ["train", "recipe=points", "data.point=own.npy", *SMALL, "--iterations", "2"]
    assert "fake is no picture and no point of two axes: [16, 5]" in refused(*words).replace("\n", " ")
    done(*words, "samples=[]")
    assert advloss.load("runs/points-own.npy/model.safetensors").sample(3).shape == (3, 5)


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="VectorMLP"):
        made().method.generator(torch.zeros(3, 4))
