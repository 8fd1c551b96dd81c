"""A data set names what of its folders it does not use; its check, which files it uses in part."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from advloss.data import open_any, open_data
from advloss.data.check import check
from advloss.data.fields import Fields
from advloss.data.found_formats import found_formats, unused_range
from advloss.images.picture import Picture
from advloss.images.writing import write_picture
from tests.data.pictures import PAIRS, SINGLE, UNPAIRED, fill, picture


def notes(root: Path, fields: Fields, **options: object) -> str:
    return "\n".join(open_data(root, fields, size=24, seed=0, **options).notes)  # type: ignore[arg-type]


def test_a_set_that_is_used_whole_says_nothing(tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA"):
        fill(tmp_path / name, 2)
    (tmp_path / "testB").symlink_to(tmp_path / "trainB")
    assert notes(tmp_path, UNPAIRED) == ""


def test_pictures_and_files_without_a_place_are_named(tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "spare/more"):
        fill(tmp_path / name, 2)
    fill(tmp_path, ["cover.gif"])
    for name in ("trainA/notes.txt", "photo.heic"):
        (tmp_path / name).touch()
    said = notes(tmp_path, UNPAIRED)
    spare = ", ".join(str(tmp_path / name) for name in ("cover.gif", "spare/more/000.png", "spare/more/001.png"))
    assert f"{tmp_path}: not used: 3 pictures ({spare})" in said
    assert f"{tmp_path}: not taken, since the name is no picture's: 2 files (1 .heic, 1 .txt)" in said


def test_every_folder_that_is_given_is_looked_at(tmp_path: Path) -> None:
    for name in ("a", "b", "val/a", "val/b"):
        fill(tmp_path / name, 2)
        (tmp_path / name / f"{name.replace('/', '-')}.psd").touch()
    paths = {"a": [tmp_path / "a"], "b": [tmp_path / "b"]}
    opened = open_data(None, UNPAIRED, paths=paths, val=tmp_path / "val", size=24, seed=0)
    assert sum(note.count(" .psd)") for note in opened.notes) == 3  # val's two together


def test_files_without_a_partner_are_named_once(tmp_path: Path) -> None:
    fill(tmp_path / "photo", ["1.png", "2.png", "3.png"])
    fill(tmp_path / "edges", ["1.png", "2.png"])
    opened = open_data(tmp_path, PAIRS, size=24, seed=0)
    words = " ".join(check(opened).words())
    assert words.count("3.png") == 1 and "not used" not in words


def test_gifs_and_pages_of_which_the_first_is_trained_on_are_named(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    pages = [Pillow.fromarray(picture(number)) for number in range(3)]
    for name in ("x.gif", "y.tif", "z.webp"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "single.gif")
    said = check(open_data(tmp_path, SINGLE, size=24, seed=0)).words()
    names = ", ".join(str(tmp_path / name) for name in ("x.gif", "y.tif", "z.webp"))
    assert f"train b: 3 files of several pictures, of which the first is taken: {names}" in said
    assert "no problems found" not in said


@pytest.mark.parametrize(
    ("most", "kind", "said", "warned"),
    [
        (4095, np.uint16, None, "data.range=[0, 4095] uses all"),
        (1023, np.uint16, None, "data.range=[0, 1023] uses all"),
        (32766, np.uint16, None, "data.range=[0, 32767] uses all"),
        (65535, np.uint16, None, None),
        (32768, np.uint16, None, None),
        (4095, np.uint16, (0, 4095), None),
        (1, np.uint8, None, "reach 1, and 255 is trained on as white: less than half of the range is used"),
        (200, np.uint8, None, None),
        (0, np.uint8, None, None),
        (0.1, np.float32, None, None),
    ],
)
def test_a_range_that_is_used_by_less_than_half(
    tmp_path: Path, most: float, kind: type, said: tuple[float, float] | None, warned: str | None
) -> None:
    for number in range(40):
        pixels = np.full((8, 8, 1), most, kind)
        pixels[0, 0] = number / 100 if kind is np.float32 else 0
        write_picture(tmp_path / f"{number:02d}.{'npy' if kind is np.float32 else 'png'}", Picture(pixels))
    split = open_data(tmp_path, SINGLE, size=8, seed=0).train
    formats = found_formats(split, lambda option, name: said if option == "range" else None)
    words = unused_range(split, formats)
    assert len(words) == (warned is not None) and (warned or "") in "".join(words)
    if said is None:
        whole = check(open_any(tmp_path), full=True)
        assert any((warned or "nothing") in problem for problem in whole.problems) == (warned is not None)


def test_a_broken_first_file_is_no_end(tmp_path: Path) -> None:
    fill(tmp_path, ["b.png", "c.png"])
    (tmp_path / "a.png").write_bytes(b"no picture")
    split = open_data(tmp_path, SINGLE, size=24, seed=0).train
    assert found_formats(split, lambda option, name: None)["b"].channels == 3
