"""`advloss.load(path)` and `translate(image)`."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import advloss
from advloss.data.images import Picture
from advloss.errors import InputError
from advloss.inference.model import Model
from advloss.inference.translate import to_pixels, to_tensor, translate_picture
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.source import read

WIDTH = "networks.generator.width=2"


@pytest.fixture
def pix2pix(tmp_path: Path) -> Model:
    """Untrained, with dropout in use and batch statistics, as the recipe has them."""
    source = read("pix2pix-small")
    source.override(WIDTH)
    recipe = resolve(source)
    save_model(tmp_path / "m.safetensors", recipe, build(recipe).method.state_dict(), {"round": 0})
    return advloss.load(str(tmp_path / "m.safetensors"))


def test_a_model_says_what_it_is(pix2pix: Model):
    assert pix2pix.directions == ["a2b"] and pix2pix.device == torch.device("cpu")
    assert pix2pix.recipe.method.name == "pix2pix" and pix2pix.about["round"] == 0


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
        (torch.zeros(3, 8, 8), "takes float images [B, 3, H, W] in [-1, 1], not torch.float32 [3, 8, 8]"),
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives_the_way_to_a_tensor_and_back(dtype: type):
    top = np.iinfo(dtype).max
    levels = np.arange(top + 1, dtype=dtype).reshape(-1, 256, 1)
    pixels = np.concatenate([levels, levels[::-1], levels], axis=2)
    tensor = to_tensor(Picture(pixels))
    assert tensor.shape == (1, 3, *pixels.shape[:2]) and tensor.dtype == torch.float32
    assert tensor.min() == -1 and tensor.max() == 1
    np.testing.assert_array_equal(to_pixels(tensor, np.dtype(dtype)), pixels)
    np.testing.assert_array_equal(to_tensor(Picture(levels)), to_tensor(Picture(np.repeat(levels, 3, axis=2))))


def test_values_outside_are_clipped():
    image = torch.tensor([-1.4, 0, 1.4]).reshape(1, 3, 1, 1)
    assert to_pixels(image, np.dtype(np.uint8)).tolist() == [[[0, 128, 255]]]


def test_alpha_and_profile_go_along(pix2pix: Model):
    pixels, alpha = np.zeros((5, 6, 1), np.uint16), np.full((5, 6), 9, np.uint16)
    made = translate_picture(pix2pix, Picture(pixels, alpha, b"icc"), None)
    assert made.pixels.shape == (5, 6, 3) and made.pixels.dtype == np.uint16
    assert made.alpha is alpha and made.icc is None  # a grey picture's profile does not describe colours
    coloured = Picture(pixels.repeat(3, axis=2), alpha, b"icc")
    assert translate_picture(pix2pix, coloured, None).icc == b"icc"
