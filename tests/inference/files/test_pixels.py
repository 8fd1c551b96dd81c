"""Pictures through a network whose results can be worked out: depth, grey, alpha."""

import numpy as np
import pytest
import torch

from advloss.core.errors import InputError
from advloss.images.reading import Picture
from advloss.inference.files.pixels import Conversion, translated, upscaled
from advloss.inference.formats import to_pixels, to_tensor
from tests.inference.networks import Bands, repeated

RNG = np.random.default_rng(0)


def noise(dtype: type, *shape: int) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives_the_way_to_a_tensor_and_back(dtype: type):
    top = np.iinfo(dtype).max
    levels = np.arange(top + 1, dtype=dtype).reshape(-1, 256, 1)
    pixels = np.concatenate([levels, levels[::-1], levels], axis=2)
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, *pixels.shape[:2]) and tensor.dtype == torch.float32
    assert tensor.min() == -1 and tensor.max() == 1
    np.testing.assert_array_equal(to_pixels(tensor, np.dtype(dtype)), pixels)
    np.testing.assert_array_equal(to_tensor(levels), to_tensor(np.repeat(levels, 3, axis=2)))


def test_values_outside_are_clipped_and_the_tensor_stays_as_it_was():
    image = torch.tensor([-1.4, 0, 1.4]).reshape(1, 3, 1, 1)
    assert to_pixels(image, np.dtype(np.uint8)).tolist() == [[[0, 128, 255]]]
    assert to_pixels(image, np.dtype(np.uint16)).tolist() == [[[0, 32768, 65535]]]
    assert image.flatten().tolist() == pytest.approx([-1.4, 0, 1.4])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_repeating_network_repeats_pixels_of_every_kind(dtype: type, channels: int, scale: int):
    bands = Bands(scale)
    pixels = noise(dtype, 7, 5, channels)
    made = upscaled(Picture(pixels, None, b"icc"), Conversion(bands, scale=scale)).whole()
    np.testing.assert_array_equal(made.pixels, repeated(pixels, scale))
    assert made.pixels.dtype == dtype and made.alpha is None and made.icc == b"icc"
    assert bands.depths == [np.iinfo(dtype).bits]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_and_the_colours_under_it(dtype: type, channels: int):
    pixels, alpha = noise(dtype, 9, 8, channels), noise(dtype, 9, 8)
    alpha[:2] = np.maximum(alpha[:2], np.iinfo(dtype).max // 16)
    alpha[2:] //= 64  # nearly nothing is seen
    alpha[-1] = 0
    made = upscaled(Picture(pixels, alpha, b"icc"), Conversion(Bands(), scale=2)).whole()
    np.testing.assert_array_equal(made.alpha, repeated(alpha))
    np.testing.assert_array_equal(made.pixels[:4], repeated(pixels)[:4])
    # what the eye sees is right to a level where alpha is small too, and black where it is 0
    top = np.iinfo(dtype).max
    seen = made.pixels[4:] * (made.alpha[4:, :, None] / top)
    np.testing.assert_allclose(seen, repeated(pixels * (alpha[..., None] / top))[4:], atol=0.5)
    assert (made.pixels[-2:] == 0).all()
    assert made.icc == b"icc" and made.alpha.dtype == dtype


@pytest.mark.parametrize("value", [0, 77, 255])
def test_an_alpha_that_is_the_same_everywhere_stays_so_without_the_network(value: int):
    pixels = noise(np.uint8, 4, 6, 3)
    bands = Bands(3, blur=True)
    made = upscaled(Picture(pixels, np.full((4, 6), value, np.uint8)), Conversion(bands, scale=3)).whole()
    assert bands.calls == 1
    assert made.alpha.shape == (12, 18) and made.alpha.dtype == np.uint8 and (made.alpha == value).all()
    np.testing.assert_array_equal(
        made.pixels, upscaled(Picture(pixels), Conversion(Bands(3, blur=True), scale=3)).whole().pixels
    )


def test_hidden_colours_do_not_bleed_into_what_is_seen():
    pixels, alpha = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    pixels[:, :4] = (255, 0, 0)
    pixels[:, 4:] = (0, 255, 0)
    alpha[:, :4] = 255
    bands = Bands(2, blur=True)
    made = upscaled(Picture(pixels, alpha), Conversion(bands, scale=2)).whole()
    assert bands.calls == 2
    np.testing.assert_array_equal(made.alpha[0], repeated(np.array([[255, 255, 255, 170, 85, 0, 0, 0]]))[0])
    assert (made.pixels[:, :10] == (255, 0, 0)).all() and (made.pixels[:, 10:] == 0).all()


def test_grey_is_the_mean_of_what_the_three_channels_become():
    def tinted(image: torch.Tensor, depth: int):
        yield image + torch.tensor([0.3, -0.1, -0.05]).view(1, 3, 1, 1)

    pixels = np.full((2, 2, 1), 100, np.uint8)
    made = upscaled(Picture(pixels), Conversion(tinted)).whole()
    assert made.pixels.shape == (2, 2, 1) and (made.pixels == round(100 + 0.05 * 127.5)).all()


def test_a_translation_keeps_alpha_and_makes_colours_of_grey():
    pixels, alpha = noise(np.uint16, 5, 6, 1), noise(np.uint16, 5, 6)
    bands = Bands(1)
    made = translated(Picture(pixels, alpha, b"icc"), Conversion(bands)).whole()
    np.testing.assert_array_equal(made.pixels, pixels.repeat(3, axis=2))
    np.testing.assert_array_equal(made.alpha, alpha)
    assert made.icc is None  # a grey picture's profile does not describe colours
    assert bands.calls == 1 and bands.depths == [16]
    assert translated(Picture(pixels.repeat(3, axis=2), alpha, b"icc"), Conversion(bands)).whole().icc == b"icc"


def test_an_output_that_is_not_a_number_is_no_picture():
    def broken(image: torch.Tensor, depth: int):
        yield image * torch.nan

    with pytest.raises(InputError, match="the network's output is not a number in places"):
        upscaled(Picture(np.zeros((2, 2, 3), np.uint8)), Conversion(broken)).whole()
