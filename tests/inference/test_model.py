"""`advloss.load(path)` and `translate(image)`."""

import re
from pathlib import Path

import pytest
import torch

import advloss
from advloss.core.errors import InputError
from advloss.inference.model import Model
from advloss.interop.importing import import_model
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.inference.networks import nearest_model, srvgg_checkpoint

WIDTH = "networks.generator.width=2"


@pytest.fixture
def pix2pix(tmp_path: Path) -> Model:
    """Untrained, with dropout and batch statistics at inference, as the recipe has them."""
    source = read("pix2pix-small")
    source.override(WIDTH)
    recipe = resolve(source)
    save_model(tmp_path / "m.safetensors", recipe, build(recipe).method.state_dict(), {"iteration": 0})
    return advloss.load(str(tmp_path / "m.safetensors"))


def test_a_model_says_what_it_is(pix2pix: Model):
    assert pix2pix.directions == ["a2b"] and pix2pix.device == torch.device("cpu")
    assert pix2pix.recipe.method.name == "pix2pix" and pix2pix.about["iteration"] == 0


def test_an_image_of_any_size_gives_one_of_that_size_in_range(pix2pix: Model):
    for size in ((1, 1), (64, 64), (65, 30)):
        image = torch.rand(2, 3, *size) * 2 - 1
        made = pix2pix.translate(image)
        assert made.shape == image.shape and made.abs().max() <= 1 and not made.requires_grad
    assert pix2pix.translate(image.double()).dtype == torch.float32


def test_the_same_picture_every_time_and_no_trace_in_the_random_numbers(pix2pix: Model):
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    before = torch.get_rng_state()
    first = pix2pix.translate(image)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(pix2pix.translate(image), first)
    statistics = {name: value.clone() for name, value in pix2pix.method.named_buffers()}
    pix2pix.translate(-image)
    assert all(torch.equal(value, statistics[name]) for name, value in pix2pix.method.named_buffers())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(8, 8), "takes float images [B, 3, H, W] or [3, H, W] in [-1, 1], not torch.float32 [8, 8]"),
        (torch.zeros(1, 1, 8, 8), "not torch.float32 [1, 1, 8, 8]"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "not torch.uint8 [1, 3, 8, 8]"),
        (torch.zeros(1, 3, 0, 8), "not torch.float32 [1, 3, 0, 8]"),
        (torch.full((1, 3, 8, 8), 255.0), "takes images in [-1, 1], these reach from 255 to 255"),
        (torch.full((1, 3, 8, 8), float("nan")), "takes images in [-1, 1], these"),
    ],
)
def test_what_is_no_image_is_refused(pix2pix: Model, image: torch.Tensor, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        pix2pix.translate(image)


def test_a_model_that_enlarges(tmp_path: Path):
    model = advloss.load(nearest_model(tmp_path / "m.safetensors", 3))
    assert model.scale == 3 and model.directions == []
    image = torch.rand(2, 3, 5, 7) * 2 - 1
    large = image.repeat_interleave(3, 2).repeat_interleave(3, 3)
    torch.testing.assert_close(model.upscale(image), large, rtol=0, atol=1e-6)
    torch.testing.assert_close(model.upscale(image.double(), tile=4, overlap=1), large, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match=re.escape("upscale: takes float images [B, 3, H, W] or [3, H, W] in [-1, 1]")):
        model.upscale(image[0, 0])


def test_each_kind_of_model_names_the_other_command(pix2pix: Model, tmp_path: Path):
    image = torch.zeros(1, 3, 4, 4)
    with pytest.raises(InputError, match="this model is a pix2pix model, it translates: use `advloss translate MODEL"):
        pix2pix.upscale(image)
    with pytest.raises(InputError, match=r"this model enlarges 2 times, .* use `advloss upscale INPUT OUTPUT --model"):
        advloss.load(nearest_model(tmp_path / "n.safetensors")).translate(image)


def test_an_imported_model_computes_what_the_checkpoints_network_does(tmp_path: Path):
    ours = srvgg_checkpoint(tmp_path / "net_g.pth", 4)
    recipe = import_model("super_resolution", tmp_path / "net_g.pth", tmp_path / "m.safetensors")
    assert recipe.method.parameters["scale"] == 4 and recipe.networks["generator"].parameters["width"] == 4
    model = advloss.load(tmp_path / "m.safetensors")
    image = torch.rand(1, 3, 9, 6) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(model.upscale(image), ours(image), rtol=0, atol=1e-6)
    assert model.about["source"] == "net_g.pth"
