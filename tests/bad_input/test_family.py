"""Bad input to the recipes that generate, classify and adapt: one message that says where and what, and nothing new."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import advloss
from advloss.core.errors import InputError
from advloss.data.array_sets.array_file import write_array_file
from tests.training.family.every_recipe import fill, words
from tests.training.started import done, refused

ONE_CLASS = "one/train holds only x/; at least two classes, one folder each, are needed"
NO_CLASS = "plain/0.png lies in no class's folder; each class has a folder of its own in plain"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of `fill`; one: a single class; one.safetensors, bare.safetensors: of one class, without labels."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    Path("one/train").mkdir(parents=True)
    Path("one/train/x").symlink_to(tmp_path / "plain")
    images = np.zeros((8, 32, 32), np.uint8)
    write_array_file(Path("one.safetensors"), images, np.zeros(8, np.int64), ("cat", "dog"))
    save_file({"images": images}, "bare.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["cgan-small", "plain"], NO_CLASS),
        (["cgan-small", "one"], ONE_CLASS),
        (["cgan-small", "one.safetensors"], "one.safetensors: all its 'labels' are of one class, 'cat'; at least two"),
        (["cgan-small", "bare.safetensors"], "bare.safetensors: has no 'labels', int64 [N], and this method needs"),
        (["classifier-small", "plain"], NO_CLASS),
        (["improved-gan-semi-small", "data.labelled=one/train", "data.unlabelled=plain"], ONE_CLASS),
        (["dann-small", "data.a=one/train", "data.b=plain"], ONE_CLASS),
        (["dcgan-small", "classes", "losses.adversarial.label=label"], "say method.conditional=true"),
        (["dcgan-small", "ring"], "'ring' holds points and no pictures, and this method needs others; use recipe="),
        (["dcgan-small", "classes", "method.latent=0"], "command line: method.latent: Input should be greater than 0"),
        (["dcgan-small", "classes", "method.latent=1000000000000"], "networks: the weights take more memory than"),
    ],
)
def test_a_training_that_can_t_be(here: Path, given: list[str], message: str) -> None:
    before = sorted(here.rglob("*"))
    assert message in refused("train", f"recipe={given[0]}", *given[1:], "--iterations", "1", "--device", "cpu")
    assert sorted(here.rglob("*")) == before


def test_what_trained_models_do_not_take(here: Path) -> None:
    files = {}
    for recipe in ("dcgan-small", "cgan-small", "points", "classifier-small"):
        done(*words(recipe), "--iterations", "1", "--run", recipe)
        files[recipe] = f"runs/{recipe}/model.safetensors"
    before = sorted(here.rglob("*"))
    for given, message in (
        (["sample", files["dcgan-small"], "out", "--label", "0"], "this model takes no label: it was trained without"),
        (["sample", files["points"], "out.npy", "--label", "0"], "this model takes no label: it was trained without"),
        (["sample", files["cgan-small"], "out", "--label", "9"], "unknown class of this model '9' (known: x, y); or"),
        (["sample", files["classifier-small"], "out"], "tells classes of images, it does not sample: use `advloss cla"),
        (["classify", files["dcgan-small"], "plain"], "makes images of noise, it does not classify: use `advloss sam"),
        (["inpaint", files["points"], "plain/0.png", "mask.png", "out.png"], "makes images of noise, it does not inpa"),
        (
            [*words("dcgan-small", "method.latent=50"), "--run", "dcgan-small", "--resume"],
            "method.latent: 100 then, 50",
        ),
    ):
        assert message in refused(*given)
    assert sorted(here.rglob("*")) == before
    plain, of_class = (advloss.load(files[recipe]) for recipe in ("dcgan-small", "cgan-small"))
    for wrong, message in (
        (lambda: plain.sample(0), "sample: count=0"),
        (lambda: plain.sample(1, label=0), "this model takes no label"),
        (lambda: plain.generate(torch.zeros(2, 99)), r"noise is float \[N, 100\] for this model, not \[2, 99\]"),
        (lambda: plain.generate(torch.zeros(2, 100), label=0), "label"),
        (lambda: of_class.generate(torch.zeros(2, 64), label=2), "unknown class of this model '2'"),
        (lambda: plain.inpaint(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)), "it does not inpaint"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()
