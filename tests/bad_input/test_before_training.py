"""What can be known before the first iteration or picture is said before it, in one message; no run folder is left."""

from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import open_data
from advloss.data.fields import Image, Label
from advloss.data.formats import FieldFormat
from advloss.images.reading import Picture
from advloss.images.writing import write_picture
from advloss.inference.files.convert import check_some_fit
from advloss.inference.files.jobs import Job
from advloss.inference.files.pixels import Conversion
from tests.bad_input.helpers import SMALL
from tests.data.pictures import fill
from tests.training.started import done, refused

LABELLED = {"image": Image("images"), "label": Label("images")}


@pytest.mark.parametrize(
    ("said", "is_refused"),
    [
        ("{a: [0, 1]}", True),
        ("[0, 1]", True),
        ("[-1, 1]", True),
        ("{b: [200, 255]}", True),
        ("{a: [0, 255]}", False),
        ("{a: [0, 4095]}", False),
        ("{a: [16, 235]}", False),
    ],
)
def test_a_range_that_the_files_leave(said: str, is_refused: bool) -> None:
    words = [*SMALL, "photos", f"data.range={said}", "--dry-run"]
    if not is_refused:
        done(*words)
        return
    message = refused(*words[:-1])
    assert "data.range: photos/train" in message and "has values from 0 to 255, and the range of '" in message
    assert not Path("runs").exists()


NUMBERS = ["0.5", "-1", "1.0", "1e3", "nan", "+1", "-0"]


@pytest.mark.parametrize("odd", NUMBERS)
def test_numbers_in_a_csv_that_are_no_classes(odd: str) -> None:
    fill(Path("images"), 3)
    Path("labels.csv").write_text(f"000.png,0\n001.png,{odd}\n002.png,2\n")
    paths = {"image": [Path("images")], "label": [Path("labels.csv")]}
    with pytest.raises(InputError, match=r"labels\.csv: has the label .*; labels are names, or whole numbers"):
        open_data(None, LABELLED, paths=paths, size=32, seed=0)
    Path("labels.csv").write_text(f"000.png,cat\n001.png,{odd}\n002.png,dog\n")  # among names it is a name
    assert open_data(None, LABELLED, paths=paths, size=32, seed=0).train.rows["label"].classes


@pytest.mark.parametrize("command", ["translate", "upscale", "reconstruct"])
def test_a_picture_or_folder_in_the_place_of_a_model(command: str) -> None:
    fill(Path("in"), ["a.png"])
    Path("model.safetensors").write_bytes(b"")
    for wrong, what in (("in/a.png", "a picture"), ("in", "a folder"), ("gone.jpg", "a picture")):
        words = [wrong, "out.png", "model.safetensors"] if command == "translate" else ["in", "out", "--model", wrong]
        said = refused(command, *words)
        assert said.startswith(f"{wrong}: is {what}, and a model file belongs in its place")
        assert ("the order is `advloss translate MODEL INPUT OUTPUT`" in said) == (command == "translate")


def test_evaluate_says_that_lpips_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    fill(Path("truths"), 2)
    result = done("evaluate", "truths", "--results", "truths")
    assert "LPIPS is not measured: its weights are not at hand; put the file from https://" in result.stderr
    assert "lpips" not in result.stdout


FLOAT, BANDS, DEEP = FieldFormat(3, "float"), FieldFormat(5, 8), FieldFormat(3, 16)


@pytest.mark.parametrize(
    ("takes", "gives", "names", "says"),
    [
        (FLOAT, FLOAT, ["a.png", "b.png"], "PNG files hold no floats"),
        (DEEP, DEEP, ["a.jpg", "b.jpg"], "hold 8 bits a channel, and this model makes 16"),
        (BANDS, BANDS, ["a.png", "b.jpg"], "has 3 channels, and the model was trained on pictures of 5"),
        (FieldFormat(), FieldFormat(), ["a.tif", "b.tif"], "holds floats, and the model was trained on 8-bit"),
        (BANDS, FieldFormat(), ["a.png", "five.tif"], None),
        (FieldFormat(), FieldFormat(), ["a.png", "b.tif"], None),
        (FieldFormat(), FieldFormat(), ["grey.png", "broken.png"], None),
        (FLOAT, FLOAT, ["a.png"], None),
    ],
)
def test_a_model_whose_formats_fit_no_picture_says_it_once(
    takes: FieldFormat, gives: FieldFormat, names: list[str], says: str | None
) -> None:
    kinds = {".tif": np.zeros((8, 8, 3), np.float32), ".png": np.zeros((8, 8, 3), np.uint8)}
    folder = Path("in")
    folder.mkdir()
    for name in names:
        pixels = kinds.get(Path(name).suffix, kinds[".png"])
        pixels = {"five.tif": np.zeros((8, 8, 5), np.uint8), "grey.png": pixels[..., :1]}.get(name, pixels)
        write_picture(folder / name, Picture(pixels))
    if "broken.png" in names:
        (folder / "broken.png").write_bytes(b"nothing")
    jobs = [Job(folder / name, Path("out") / name) for name in names]
    by = Conversion(lambda image, bits: iter(()), takes, gives)
    if says is None:
        check_some_fit(jobs, by)
        return
    with pytest.raises(InputError, match=says) as raised:
        check_some_fit(jobs, by)
    assert "(2 in all: in/" in str(raised.value)
