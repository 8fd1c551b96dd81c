"""What is no image, no codes or no name of a direction in Python: one clear error, raised before the network runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import advloss
from advloss.core.errors import InputError
from advloss.inference.model import Model
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

IMAGE = torch.zeros(1, 3, 64, 64)
DEEP = Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16)  # PIL's mode I;16


def made(folder: Path, name: str, *overrides: str) -> Model:
    source = read(name)
    for text in overrides:
        source.override(text)
    recipe = resolve(source)
    save_model(folder / f"{name}.safetensors", recipe, build(recipe).method.state_dict(), {})
    return advloss.load(folder / f"{name}.safetensors")


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made(tmp_path_factory.mktemp("translator"), "pix2pix-small", "networks.generator.width=2")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made(tmp_path_factory.mktemp("tokenizer"), "vqgan-small")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "takes a path, PIL's image, an array or a tensor, not NoneType"),
        ([1, 2], "not list"),
        (IMAGE.to("meta"), "with their values, not a meta tensor"),
        (IMAGE.to_sparse(), "with their values, not torch.sparse_coo"),
        (IMAGE.to(torch.complex64), "not torch.complex64"),
        (np.array([["a"]]), "not <U1 [1, 1]"),
        (Image.new("RGB", (0, 5)), "the image has no pixels (0 x 5)"),
        (Image.new("F", (8, 8)), "holds floats"),
        (Image.new("I", (8, 8), 70000), "32-bit values 70000 to 70000; only 0 to 65535 can be read"),
        (Image.new("I", (8, 8), -1), "32-bit values -1 to -1"),
        (Path(), "is a folder; translate takes one picture"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_image(translator: Model, image: Any, message: str):
    with pytest.raises(InputError) as error:
        translator.translate(image)
    assert message in str(error.value)


CALLS: dict[str, tuple[Callable[[Model, Model], Any], str]] = {
    "a number as a direction": (lambda p, v: p.translate(IMAGE, direction=5), "direction"),
    "a number as a use": (lambda p, v: p.use(5), "translates"),
    "a path to encode": (lambda p, v: v.encode("a.png"), "as a tensor, not str"),
    "an array to encode": (lambda p, v: v.encode(np.zeros((1, 3, 8, 8))), "as a tensor, not ndarray"),
    "a list to decode": (lambda p, v: v.decode([[1]], (4, 4)), "decode: takes codes as a tensor or an array"),
    "words to decode": (lambda p, v: v.decode(np.array([[["a"]]]), (4, 4)), "decode: takes codes as a tensor"),
    "floats to decode": (lambda p, v: v.decode(v.encode(IMAGE).float(), (64, 64)), "they are integers"),
    "a number as a size": (lambda p, v: v.decode(v.encode(IMAGE), 64), "size=64; it is (height, width) in pixels"),
    "a size of floats": (lambda p, v: v.decode(v.encode(IMAGE), (64.0, 64.0)), "size=(64.0, 64.0)"),
    "no axis for the batch": (lambda p, v: v.decode(v.encode(IMAGE)[0], (64, 64)), "indices [B, h, w] of shape [16"),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_argument(translator: Model, tokenizer: Model, call: str):
    run, message = CALLS[call]
    with pytest.raises(InputError) as error:
        run(translator, tokenizer)
    assert message in str(error.value)


def test_16_bit_grey_of_pil_gives_a_picture_that_pil_can_hold(translator: Model):
    made = translator.translate(DEEP)
    eight = translator.translate(torch.from_numpy(np.asarray(DEEP).astype(np.float32) / 32767.5 - 1).repeat(3, 1, 1))
    expected = eight.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    assert made.mode == "RGB" and np.array_equal(np.asarray(made), expected)


def test_an_array_of_tokens_can_be_decoded(tokenizer: Model):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    tokens = tokenizer.tokenize(picture)
    decoded = tokenizer.decode(tokens[None], (64, 64))
    assert torch.equal(decoded, tokenizer.decode(torch.from_numpy(tokens)[None], (64, 64)))
    restored = decoded[0].add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(restored, tokenizer.reconstruct(picture))
