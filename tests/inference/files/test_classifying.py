"""`advloss classify` and `Model.classify`: pictures of any size, brought to that of the training as in validation."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import advloss
from advloss.core.errors import InputError
from advloss.data.sampling.crops import middle_crop, resized
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import picture
from tests.inference import own
from tests.training.started import done, invoke, refused

CLASSES = {"classes": {"label": ["red", "green", "blue"]}}


class Colours(own.OwnInpainter):
    """The mean colour of a square of 64 pixels, as logits."""

    def classify(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[1:] == (3, 64, 64)
        return 4 * image.mean((2, 3))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def write(method: type[own.Own] = Colours, **data: object) -> str:
        monkeypatch.setitem(components.METHODS, "own", method)
        recipe = own.recipe_of("own", **({"resize": "shorter"} | CLASSES | data))
        save_model(Path("own.safetensors"), recipe, method().state_dict(), {})
        return "own.safetensors"

    return write


def plain(colour: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def folder() -> None:
    """Three red pictures, one green and one blue, of several sizes; the blue one is red at its ends."""
    Path("in/more").mkdir(parents=True)
    for number, size in enumerate([(64, 64), (20, 30), (100, 70)]):
        Image.fromarray(plain((250, 9, 9), *size)).save(f"in/r{number}.png")
    Image.fromarray(plain((9, 250, 9), 64, 90)).save("in/more/g.png")
    blue = plain((9, 9, 250), 64, 192)
    blue[:, :60] = blue[:, -60:] = (250, 9, 9)
    Image.fromarray(blue).save("in/more/b, wide.png")


def test_lines_of_csv_and_counts(model: Callable[..., str]) -> None:
    file = model()
    folder()
    result = done("classify", file, "in")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert {row["file"]: row["class"] for row in rows} == {
        **{f"r{number}.png": "red" for number in range(3)},
        "more/g.png": "green",
        "more/b, wide.png": "blue",
    }
    high, low = np.exp(4 * (250 / 127.5 - 1)), np.exp(4 * (9 / 127.5 - 1))
    assert float(rows[-1]["probability"]) == pytest.approx(high / (high + 2 * low), abs=1e-5)
    assert "red: 3, green: 1, blue: 1" in result.stderr and "5 pictures classified" in result.stderr


def test_lines_in_a_file(model: Callable[..., str]) -> None:
    file = model()
    folder()
    printed = done("classify", file, "in").stdout
    shown = done("classify", file, "in", "--out", "new/told.csv").stdout
    assert Path("new/told.csv").read_text() == printed and "red" in shown and "3" in shown
    done("classify", file, "in", "--out", "told.jsonl")
    lines = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
    assert [tuple(line) for line in lines] == [("file", "class", "probability")] * 5
    assert "told.jsonl exists; --overwrite replaces it" in refused("classify", file, "in", "--out", "told.jsonl")
    done("classify", file, "in/r0.png", "--out", "told.jsonl", "--overwrite")
    assert json.loads(Path("told.jsonl").read_text())["file"] == "r0.png"


def test_bad_files_are_named_and_the_rest_is_told(model: Callable[..., str]) -> None:
    file = model()
    folder()
    Path("in/empty.png").touch()
    Image.fromarray(np.zeros((70, 70), np.float32)).save("in/floats.tif")
    Path("in/notes.txt").touch()
    result = invoke("classify", file, "in")
    assert result.exit_code == 2 and len(result.stdout.splitlines()) == 6
    for sentence in (
        "in/empty.png: the file is empty",
        "in/floats.tif: holds floats",
        "5 pictures classified, 2 could",
    ):
        assert sentence in result.stderr
    assert "not taken, since the name is no picture's: 1 file (1 .txt)" in result.stderr
    invoke("classify", file, "in", "--out", "told.csv")
    assert len(Path("told.csv").read_text().splitlines()) == 6


def test_what_is_refused(model: Callable[..., str]) -> None:
    file = model()
    Path("none").mkdir()
    Image.fromarray(plain((1, 2, 3), 64, 64)).save("a.png")
    for words, message in (
        (["none"], "none: holds no picture"),
        (["nowhere"], "nowhere: no such file or folder"),
        ([file], "own.safetensors: is not named as a picture"),
        (["a.png", "--out", "told.txt"], "told.txt: name a .csv, or a .jsonl for JSON lines"),
    ):
        assert message in refused("classify", file, *words)
    other = model(classes={"label": ["red", "green"]})
    assert "the model gives 3 logits, and it was trained on 2 classes" in invoke("classify", other, "a.png").stderr
    small = model(resize="none")
    Image.fromarray(plain((1, 2, 3), 10, 64)).save("a.png")
    assert (
        "a.png: 64x10 pixels after the resize, smaller than the crop of 64x64"
        in invoke("classify", small, "a.png").stderr
    )
    assert "it translates: use" in refused("classify", model(own.OwnTranslator, classes=None), "a.png")


def test_python_takes_an_image_several_or_a_folder(model: Callable[..., str]) -> None:
    loaded = advloss.load(model())
    folder()
    image = picture(3, 90, 120)
    wanted = middle_crop(resized(image, "shorter", 64), 64).astype(np.float64).mean((0, 1)) / 127.5 - 1
    Image.fromarray(image).save("a.png")
    kinds = [image, Image.fromarray(image), "a.png", Path("a.png")]
    for kind in kinds:
        torch.testing.assert_close(loaded.classify(kind)[0].double(), torch.from_numpy(4 * wanted), atol=1e-5, rtol=0)
    assert torch.equal(loaded.classify(kinds), loaded.classify(image).repeat(4, 1))
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1
    made = loaded.classify(torch.stack([tensor] * 40))
    assert made.shape == (40, 3)
    torch.testing.assert_close(made[39].double(), torch.from_numpy(4 * wanted), atol=0.02, rtol=0)  # not rounded
    names = [(loaded.classes() or ())[int(number)] for number in loaded.classify("in").argmax(1)]
    assert names == ["blue", "green", "red", "red", "red"]
    with pytest.raises(InputError, match="classify: there is no image"):
        loaded.classify([])
    with pytest.raises(InputError, match=r"in/none\.png"):
        loaded.classify(["in/none.png"])
