"""`Model.translate(x)` and its like take a path, PIL's image, an array or a tensor, and give the same kind back."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.images.reading import Picture
from advloss.images.writing import write_picture
from advloss.inference.model import Model
from tests.data.pictures import picture
from tests.inference import own
from tests.inference.networks import repeated

RGB = picture(1, 6, 7)
GREY = RGB[..., 0]
TENSOR = torch.from_numpy(RGB.transpose(2, 0, 1).copy())[None] / 127.5 - 1


def model(method: type[own.Own] = own.OwnTranslator, **data: Any) -> Model:
    return Model(method().eval(), own.recipe_of("own", **data), {})


def same(made: Any, expected: np.ndarray) -> None:
    assert isinstance(made, np.ndarray) and made.dtype == expected.dtype
    np.testing.assert_array_equal(made, expected)


def test_a_tensor_gives_a_tensor() -> None:
    made = model()
    torch.testing.assert_close(made.translate(TENSOR), -TENSOR)
    torch.testing.assert_close(made.translate(TENSOR[0]), -TENSOR[0])
    large = model(own.OwnUpscaler).upscale(TENSOR[0])
    assert large.shape == (3, 12, 14)
    tokens = model(own.OwnTokenizer).tokenize(TENSOR)
    assert tokens.dtype == torch.int64 and torch.equal(tokens[0], torch.from_numpy(GREY.astype(np.int64)))
    assert torch.equal(model(own.OwnTokenizer).tokenize(TENSOR[0]), tokens[0])


def test_an_array_gives_an_array() -> None:
    made = model()
    same(made.translate(RGB), 255 - RGB)
    same(made.translate(RGB.astype(np.uint16) * 257), 65535 - RGB.astype(np.uint16) * 257)
    same(made.translate(GREY), 255 - GREY[..., None].repeat(3, axis=2))  # the model gives colours
    same(model(channels=1).translate(GREY), 255 - GREY)
    same(model(channels=1).translate(GREY[..., None]), 255 - GREY[..., None])
    same(model(own.OwnUpscaler).upscale(RGB), repeated(RGB))
    same(model(own.OwnTokenizer).reconstruct(RGB), GREY[..., None].repeat(3, axis=2))
    same(model(own.OwnTokenizer).tokenize(RGB), GREY.astype(np.int64))
    same(model(depth=16).translate(RGB), 65535 - RGB.astype(np.uint16) * 257)
    floats = model(channels=1, depth="float", range=(0.0, 10.0))
    np.testing.assert_allclose(floats.translate(np.array([[0.0, 2.5, 10.0]])), [[10.0, 7.5, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(model().translate(RGB.astype(np.float64)), 255.0 - RGB, atol=1e-4)


def test_pils_image_gives_pils_image() -> None:
    made = model()
    for mode, expected in (("RGB", "RGB"), ("L", "RGB"), ("P", "RGB"), ("RGBA", "RGB"), ("1", "RGB")):
        result = made.translate(Image.fromarray(RGB).convert(mode))
        assert isinstance(result, Image.Image) and (result.mode, result.size) == (expected, (7, 6))
    same(np.asarray(made.translate(Image.fromarray(RGB))), 255 - RGB)
    grey = model(channels=1)
    same(np.asarray(grey.translate(Image.fromarray(GREY))), 255 - GREY)
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    result = grey.translate(deep)
    assert result.mode == "I;16"
    same(np.asarray(result), 65535 - GREY.astype(np.uint16) * 257)
    for value in (-1, 65536):
        with pytest.raises(
            InputError, match=f"translate: the image holds 32-bit values {value} to {value}; only 0 to 65535"
        ):
            grey.translate(Image.new("I", (7, 6), value))
    covered = Image.fromarray(np.dstack([RGB, np.zeros_like(GREY)]))
    assert (np.asarray(made.translate(covered)) == 0).all()  # white through the negative
    assert model(channels=4).translate(covered).mode == "RGBA"
    same(model(own.OwnTokenizer).tokenize(Image.fromarray(RGB)), GREY.astype(np.int64))
    with pytest.raises(InputError, match="PIL has no image of 3 channels of uint16; give an array or a tensor"):
        model(depth=16).translate(Image.fromarray(RGB))


def test_a_path_gives_an_array_of_the_files_type(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(RGB))
    write_picture(tmp_path / "deep.png", Picture(RGB.astype(np.uint16) * 257))
    write_picture(tmp_path / "grey.png", Picture(GREY[..., None]))
    made = model()
    same(made.translate(tmp_path / "a.png"), 255 - RGB)
    same(made.translate(str(tmp_path / "deep.png")), 65535 - RGB.astype(np.uint16) * 257)
    same(model(channels=1).translate(tmp_path / "grey.png"), 255 - GREY[..., None])
    same(model(own.OwnTokenizer).tokenize(tmp_path / "a.png"), GREY.astype(np.int64))
    with pytest.raises(InputError, match=r"a\.png: has 3 channels, and the model was trained on pictures of 4"):
        model(channels=4).translate(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        made.translate(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([1, 2], "translate: takes a path, PIL's image, an array or a tensor, not list"),
        (RGB.astype(np.int32), "takes uint8, uint16 or float arrays [H, W] or [H, W, C], not int32 [6, 7, 3]"),
        (RGB[0, 0], "not uint8 [3]"),
        (RGB[..., :2], "translate: the array has 2 channels, and the model was trained on pictures of 3"),
        (np.full((2, 2, 3), 700.0), "takes floats from 0 to 255, as it was trained on; these reach from 700 to 700"),
        (np.full((2, 2, 3), np.nan), "takes floats from 0 to 255"),
        (TENSOR[:, :1], "takes float images [B, 3, H, W] or [3, H, W] in [-1, 1], not torch.float32 [1, 1, 6, 7]"),
    ],
)
def test_what_is_no_image(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        model().translate(image)
