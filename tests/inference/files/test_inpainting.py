"""`advloss inpaint`: outside of the mask a result is the picture, bit for bit, with all that its file says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import advloss
from advloss.images.picture import Picture
from advloss.images.reading import read_picture
from advloss.images.writing import write_picture
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import picture
from tests.inference import own
from tests.training.started import done, invoke, refused


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes own.safetensors of a method that makes holes white, in squares of 64 pixels."""
    monkeypatch.chdir(tmp_path)

    def write(method: type[own.Own] = own.OwnInpainter, **data: object) -> str:
        monkeypatch.setitem(components.METHODS, "own", method)
        save_model(Path("own.safetensors"), own.recipe_of("own", **data), method().state_dict(), {})
        return "own.safetensors"

    return write


def mask_file(path: str, height: int, width: int) -> np.ndarray:
    """A mask with a wide hole, a small one and one in the corner; gives it as bool [H, W]."""
    mask = np.zeros((height, width), bool)
    mask[10:90, 20:130] = True
    mask[-3:, -3:] = True
    mask[2, 3] = True
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return mask


def check(result: str, before: Picture, mask: np.ndarray) -> None:
    made = read_picture(result)
    assert made.pixels.dtype == before.pixels.dtype
    np.testing.assert_array_equal(made.pixels[~mask], before.pixels[~mask])
    assert (made.pixels[mask] == np.iinfo(made.pixels.dtype).max).all()
    assert (made.alpha is None) == (before.alpha is None)
    assert before.alpha is None or np.array_equal(made.alpha, before.alpha)


@pytest.mark.parametrize(
    ("channels", "alpha", "dtype", "name"),
    [
        (3, False, np.uint8, "a.png"),
        (3, True, np.uint8, "a.png"),
        (1, False, np.uint8, "a.png"),
        (1, True, np.uint16, "a.png"),
        (3, True, np.uint16, "a.tif"),
        (3, False, np.uint16, "a.npy"),
    ],
)
def test_depth_channels_and_alpha_are_kept(
    model: Callable[..., str], channels: int, alpha: bool, dtype: type, name: str
) -> None:
    file, rng = model(), np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, (120, 150, channels + alpha), dtype)
    write_picture(name, Picture(pixels[..., :channels], pixels[..., -1] if alpha else None))
    mask = mask_file("mask.png", 120, 150)
    done("inpaint", file, name, "mask.png", f"out{Path(name).suffix}")
    check(f"out{Path(name).suffix}", read_picture(name), mask)


def test_texts_and_the_colour_profile_are_kept(model: Callable[..., str]) -> None:
    file, said = model(), PngInfo()
    said.add_text("Title", "a street")
    Image.fromarray(picture(0, 100, 140)).save("a.png", pnginfo=said, dpi=(300, 300), icc_profile=None)
    mask_file("mask.png", 100, 140)
    done("inpaint", file, "a.png", "mask.png", "out.png")
    with Image.open("out.png") as result:
        assert result.text["Title"] == "a street" and round(result.info["dpi"][0]) == 300  # type: ignore[attr-defined]


def test_python_gives_the_command_s_pixels(model: Callable[..., str]) -> None:
    file = model()
    Image.fromarray(picture(0, 100, 140)).save("a.png")
    mask = mask_file("mask.png", 100, 140)
    done("inpaint", file, "a.png", "mask.png", "out.png")
    made = advloss.load(file).inpaint("a.png", "mask.png")
    np.testing.assert_array_equal(made, read_picture("out.png").pixels)
    np.testing.assert_array_equal(advloss.load(file).inpaint(read_picture("a.png").pixels, mask), made)


def test_a_folder_with_masks_of_the_same_names(model: Callable[..., str]) -> None:
    file = model()
    for name in ("x/a.png", "x/b.png", "c.jpg", "d.png"):
        Path("in", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(1, 100, 140)).save(Path("in", name))
    masks = {name: mask_file(f"masks/{name}", 100, 140) for name in ("x/a.png", "c.png", "e.png")}
    mask_file("masks/d.png", 100, 141)
    result = invoke("inpaint", file, "in", "masks", "out")
    assert result.exit_code == 2 and "2 pictures written, 2 could not be filled" in result.stderr
    for sentence in (
        "in/x/b.png: has no mask masks/x/b.png, or with another extension",
        "masks/d.png: the mask is 141x100 pixels, and in/d.png is 140x100; make them equal",
        "masks: masks of no picture: masks/e.png",
        "JPEG files are compressed anew, which changes pixels outside of the holes too; --format png keeps them",
    ):
        assert sentence in result.stderr
    check("out/x/a.png", read_picture("in/x/a.png"), masks["x/a.png"])
    assert sorted(path.name for path in Path("out").rglob("*.*")) == ["a.png", "c.jpg"]
    said = invoke("inpaint", file, "in", "masks", "out", "--format", "png").stderr
    assert "1 picture written, 1 were there already" in said
    check("out/c.png", read_picture("in/c.jpg"), masks["c.png"])


def test_an_empty_mask_gives_the_picture(model: Callable[..., str]) -> None:
    Image.fromarray(picture(1, 30, 40)).save("a.png")
    Image.fromarray(np.zeros((30, 40), np.uint8)).save("mask.png")
    done("inpaint", model(), "a.png", "mask.png", "out.png")
    np.testing.assert_array_equal(read_picture("out.png").pixels, read_picture("a.png").pixels)


def test_a_model_of_four_channels_fills_alpha_too(model: Callable[..., str]) -> None:
    file = model(channels={"b": 4})
    write_picture("a.png", Picture(picture(1, 100, 140), picture(2, 100, 140)[..., 0]))
    mask = mask_file("mask.png", 100, 140)
    done("inpaint", file, "a.png", "mask.png", "out.png")
    made, before = read_picture("out.png"), read_picture("a.png")
    assert made.alpha is not None and before.alpha is not None
    np.testing.assert_array_equal(made.alpha[~mask], before.alpha[~mask])
    assert (made.alpha[mask] == 255).all() and np.array_equal(made.pixels[~mask], before.pixels[~mask])


def test_what_is_refused(model: Callable[..., str]) -> None:
    file = model()
    Image.fromarray(picture(1, 30, 40)).save("a.png")
    Image.fromarray(np.zeros((40, 30), np.uint8)).save("mask.png")
    Path("folder").mkdir()
    for words, message in (
        (["a.png", "mask.png", "out.png"], "mask.png: the mask is 30x40 pixels, and a.png is 40x30; make them equal"),
        (["a.png", "none.png", "out.png"], "none.png: no such file; name the picture's mask"),
        (["a.png", "folder", "out.png"], "folder: is a folder; name the picture's mask"),
        (["a.png", "mask.png", "mask.png"], "mask.png exists; --overwrite replaces it"),
        (["a.png", "mask.png", "mask.png", "--overwrite"], "mask.png: is itself an input of this command"),
        (["a.png", "mask.png", "a.png", "--overwrite"], "a.png: is itself an input of this command"),
        (["a.png", file, "out.png"], "own.safetensors: is not named as a picture"),
        (["folder", "mask.png", "out"], "folder: holds no picture"),
    ):
        assert message in refused("inpaint", file, *words)
    Path("folder/b.png").symlink_to(Path("a.png").absolute())
    assert "mask.png: is no folder, and folder is one" in refused("inpaint", file, "folder", "mask.png", "out")
    grey = model(channels={"b": 1})
    Image.fromarray(np.zeros((30, 40), np.uint8)).save("right.png")
    said = refused("inpaint", grey, "a.png", "right.png", "out.png")
    assert "a.png: has colours, and the model was trained on grey pictures" in said
    translator = model(own.OwnTranslator)
    assert "it translates: use" in refused("inpaint", translator, "a.png", "right.png", "out.png")
    assert not Path("out.png").exists() and not Path("out").exists()
