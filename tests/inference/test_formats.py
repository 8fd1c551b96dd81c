"""Pictures as a model was trained on them: channels, depth and range, on arrays and on files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.formats import FULL, RGB8, FieldFormat
from advloss.images.reading import Picture, read_picture
from advloss.images.writing import write_picture
from advloss.inference.files.convert import Writing, translate_files
from advloss.inference.files.pixels import Conversion, translated, upscaled
from advloss.inference.formats import misfit, result_type, to_pixels, to_tensor
from advloss.inference.model import Model
from advloss.inference.tiles.options import FLOAT32, TileOptions
from advloss.inference.tiles.tiler import Tiler
from advloss.inference.tokens.encoding import Reading
from advloss.inference.tokens.reconstructing import reconstruct_files
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import picture
from tests.inference import own
from tests.training.started import done

RNG = np.random.default_rng(0)
UINT8, UINT16, FLOAT = (np.dtype(kind) for kind in (np.uint8, np.uint16, np.float32))


def form(channels: int = 3, depth: Any = 8, spread: tuple[float, float] | None = None) -> FieldFormat:
    """All levels of the depth, and 0 and 1 of floats, unless said."""
    return FieldFormat(channels, depth, spread or FULL.get(depth, (0.0, 1.0)))


GREY, GREY16 = form(1), form(1, 16)


def all_levels(kind: np.dtype, channels: int) -> np.ndarray:
    """[H, 256, channels] in which each channel has all levels of the type."""
    levels = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(-1, 256, 1)
    return np.concatenate([np.roll(levels, channel, 1) for channel in range(channels)], axis=2)


@pytest.mark.parametrize("kind", [UINT8, UINT16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("convert", [translated, upscaled])
def test_the_identity_loses_no_level(convert: Any, kind: np.dtype, channels: int) -> None:
    trained = form(channels, 8 * kind.itemsize)
    for options in (FLOAT32, TileOptions(64, 4, "fp32")):
        tiler = Tiler(nn.Identity(), options, channels=channels)
        pixels = all_levels(kind, channels)
        made = convert(Picture(pixels), Conversion(tiler.bands, trained, trained)).whole()
        assert made.pixels.dtype == kind
        np.testing.assert_array_equal(made.pixels, pixels)


def test_a_network_of_any_channels_is_measured_and_tiled() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 2, 3, padding=1)).eval()
    image = torch.rand(1, 5, 70, 90) * 2 - 1
    tiler = Tiler(network, TileOptions(32, "exact", "fp32"), channels=5)
    assert tiler.reach == 2 and tiler.norm_calls == 1
    with torch.no_grad():
        torch.testing.assert_close(tiler(image), network(image), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match=r"takes one image \[1, 5, H, W\], not \[1, 3, 9, 9\]"):
        tiler(torch.zeros(1, 3, 9, 9))


def test_a_range_within_the_type_and_floats() -> None:
    twelve = form(1, 16, (0, 4095))
    levels = np.arange(4096, dtype=np.uint16).reshape(64, 64, 1)
    tensor = to_tensor(levels, twelve)
    assert tensor.min() == -1 and tensor.max() == 1
    np.testing.assert_array_equal(to_pixels(tensor, UINT16, twelve), levels)
    assert to_tensor(np.full((1, 1, 1), 255, np.uint8), twelve).item() == 1  # 8 bits mean what they mean elsewhere
    kelvin = form(1, "float", (200.0, 300.0))
    values = np.array([200.0, 250.0, 300.0, 320.0], np.float32).reshape(2, 2, 1)
    torch.testing.assert_close(to_tensor(values, kelvin).flatten(), torch.tensor([-1.0, 0.0, 1.0, 1.4]))
    np.testing.assert_allclose(to_pixels(to_tensor(values, kelvin), FLOAT, kelvin), values, rtol=1e-6)


@pytest.mark.parametrize(
    ("gives", "given", "made"),
    [
        (RGB8, UINT8, UINT8),
        (RGB8, UINT16, UINT16),
        (RGB8, FLOAT, UINT8),
        (GREY16, UINT8, UINT16),
        (form(1, "float"), UINT8, FLOAT),
    ],
)
def test_a_results_depth_is_the_trainings_or_the_files(gives: FieldFormat, given: np.dtype, made: np.dtype) -> None:
    assert result_type(gives, given) == made


def test_channels_that_can_be_made_fit() -> None:
    colours = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    luma = colours @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(to_tensor(colours, GREY)[0, 0], luma / 127.5 - 1, atol=1e-6)
    assert to_tensor(colours[..., :1], form(3)).shape == (1, 3, 4, 5)
    assert misfit(colours, form(4)) == "has 3 channels, and the model was trained on pictures of 4"
    assert "holds floats, and the model was trained on 8-bit pictures" in str(misfit(np.zeros((1, 1, 3)), RGB8))
    assert misfit(np.zeros((1, 1, 3)), form(3, "float")) is None
    with pytest.raises(InputError, match="has 3 channels"):
        to_tensor(colours, form(4))


def test_what_a_recipe_says() -> None:
    assert model().format("b") == RGB8
    said = model(channels={"b": 4}, depth={"b": "float"}, range={"b": (0, 2)})
    assert said.format("b") == form(4, "float", (0.0, 2.0))
    assert model(channels=1, depth=16).format("b") == GREY16


def test_alpha_is_a_channel_where_the_model_takes_one_more() -> None:
    seen: list[Tensor] = []

    def look(image: Tensor, depth: int) -> Any:
        seen.append(image)
        yield image[:, 3:]

    rgb, alpha = RNG.integers(0, 256, (3, 4, 3), np.uint8), RNG.integers(0, 256, (3, 4), np.uint8)
    made = translated(Picture(rgb, alpha, b"icc"), Conversion(look, form(4), GREY)).whole()
    np.testing.assert_array_equal(made.pixels[..., 0], alpha)
    assert made.alpha is None and made.icc is None and seen[0].shape == (1, 4, 3, 4)
    with pytest.raises(InputError, match="has 3 channels, and the model was trained on pictures of 4"):
        translated(Picture(rgb), Conversion(look, form(4), GREY)).whole()


def test_alpha_has_the_depth_of_the_result() -> None:
    grey, alpha = RNG.integers(0, 256, (3, 4, 1), np.uint8), RNG.integers(0, 256, (3, 4), np.uint8)
    for convert in (translated, upscaled):
        made = convert(Picture(grey, alpha), Conversion(lambda image, _: iter([image]), GREY, GREY16)).whole()
        assert made.pixels.dtype == made.alpha.dtype == np.uint16
        np.testing.assert_array_equal(made.alpha, alpha.astype(np.uint16) * 257)
    made = translated(Picture(grey, alpha), Conversion(lambda image, _: iter([image]), GREY, form(1, "float"))).whole()
    assert made.alpha is None and made.pixels.dtype == np.float32


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()


def model(method: type[own.Own] = own.OwnTranslator, **data: Any) -> Model:
    return Model(method().eval(), own.recipe_of("own", **data), {})


@pytest.mark.usefixtures("workplace")
def test_a_model_for_grey_reads_grey_and_colours() -> None:
    colours = picture(1, 6, 7)
    write_picture("in/colours.png", Picture(colours))
    write_picture("in/again.png", Picture(colours))
    write_picture("in/grey.png", Picture(colours[..., :1]))
    said: list[str] = []
    translate_files(model(channels=1), Path("in"), Path("out"), say=said.append)
    made = {name: read_picture(f"out/{name}.png").pixels for name in ("colours", "grey")}
    np.testing.assert_array_equal(made["grey"], 255 - colours[..., :1])
    luma = colours.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(made["colours"][..., 0], 255 - luma, atol=0.5001)
    assert [words for words in said if "luma" in words] == [
        "the model was trained on grey pictures: of colours it is given the luma (ITU-R BT.601) "
        "(2 pictures: in/again.png, in/colours.png)"
    ]


@pytest.mark.usefixtures("workplace")
def test_sixteen_bits_are_written_as_the_model_was_trained_on_them() -> None:
    levels = all_levels(UINT16, 3)
    write_picture("in/a.tif", Picture(levels))
    write_picture("in/b.jpg", Picture(picture(1, 8, 8)))
    said: list[str] = []
    deep = model(depth=16)
    summary = translate_files(deep, Path("in"), Path("out"), options=FLOAT32, say=said.append)
    np.testing.assert_array_equal(read_picture("out/a.tif").pixels, 65535 - levels)
    (failed,) = summary.failed
    assert (
        failed == "out/b.jpg: JPEG files hold 8 bits a channel, and this model makes 16; use PNG or TIFF: --format png"
    )
    translate_files(deep, Path("in"), Path("png"), writing=Writing("png"), say=said.append)
    made = read_picture("png/b.png").pixels
    np.testing.assert_array_equal(made, 65535 - read_picture("in/b.jpg").pixels.astype(np.uint16) * 257)


@pytest.mark.usefixtures("workplace")
def test_files_that_do_not_fit_are_named_and_the_rest_is_done() -> None:
    write_picture("in/a.png", Picture(picture(1, 4, 4), picture(2, 4, 4)[..., 0]))
    write_picture("in/b.png", Picture(picture(1, 4, 4)))
    summary = translate_files(model(channels=4), Path("in"), Path("out"), say=lambda _: None)
    assert "in/b.png: has 3 channels, and the model was trained on pictures of 4" in summary.failed


@pytest.mark.usefixtures("workplace")
def test_a_tokenizer_reconstructs_what_it_was_trained_on() -> None:
    colours = picture(1, 6, 7)
    write_picture("in/a.png", Picture(colours))
    tokenizer = model(own.OwnGreyTokenizer, channels=1, depth=16)
    reconstruct_files(tokenizer, Path("in"), Path("out"), Reading(), say=lambda _: None)
    made = read_picture("out/a.png").pixels
    assert made.dtype == np.uint16 and made.shape == (6, 7, 1)
    luma = colours.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(made[..., 0] / 257, luma, atol=0.51)  # a token for each of 256 levels


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tif", {"channels": 1, "depth": 16}),
        ("a.tif", {"channels": 3, "depth": 16}),
        ("a.tif", {"channels": 5, "depth": 16}),
        ("a.tif", {"channels": 2, "depth": "float", "range": (0.0, 4.0)}),
        ("a.npy", {"channels": 1, "depth": "float", "range": (0.0, 4.0)}),
        ("a.npy", {"channels": 7, "depth": 8}),
        ("a.png", {"channels": 4, "depth": 8}),
        ("a.png", {"channels": 1, "depth": 8}),
    ],
)
def test_a_file_of_the_trainings_format_is_read_and_written(
    name: str, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a model file of one's own method, whose network is the negative."""
    monkeypatch.setitem(components.METHODS, "own", own.OwnTranslator)
    save_model(Path("m.safetensors"), own.recipe_of("own", **data), own.OwnTranslator().state_dict(), {})
    depth = data["depth"]
    shape = (6, 5, data["channels"])
    top = data["range"][1] if depth == "float" else 2**depth - 1
    if depth == "float":
        pixels = RNG.random(shape, np.float32) * 4
    else:
        pixels = RNG.integers(0, top, shape, np.uint8 if depth == 8 else np.uint16, endpoint=True)
    picture = Picture(pixels) if name != "a.png" or shape[2] != 4 else Picture(pixels[..., :3], pixels[..., 3])
    write_picture(Path("in", name), picture)
    done("translate", "m.safetensors", f"in/{name}", name, "--precision", "fp32")
    made = read_picture(name)
    result = made.pixels if made.alpha is None else np.dstack([made.pixels, made.alpha])
    assert result.dtype == pixels.dtype
    np.testing.assert_allclose(result, top - pixels, atol=1e-6 if depth == "float" else 0)
