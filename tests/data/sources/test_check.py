"""The report on a data set names what is in it and what is wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.data import check as checks
from advloss.data import open_any
from advloss.data.check import check
from advloss.data.sources import shards
from advloss.data.sources.folders import open_folder
from advloss.data.synthetic.sets import SETS
from advloss.images.reading import Picture
from advloss.images.writing import write_picture
from tests.data.pictures import FIELDS, fill


def test_everything_at_once(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "trainA", 6), fill(tmp_path / "trainB", 6, 20, height=30)
    fill(tmp_path / "testA", 2, 40)
    fill(tmp_path / "testB", 2, 50)
    shutil.copy(a / "000.png", a / "009.png")  # a duplicate
    shutil.copy(b / "001.png", tmp_path / "testB" / "000.png")  # a leak
    Image.new("L", (10, 12)).save(a / "004.png")
    write_picture(a / "005.png", Picture(np.zeros((50, 40, 3), np.uint16)))
    (b / "003.png").write_bytes((b / "003.png").read_bytes()[:600])  # its header is whole
    (b / "004.png").write_bytes(b"")
    data = open_folder(tmp_path, FIELDS["unpaired"])

    quick = check(data)
    assert quick.rows[0] == [
        "train",
        "a (A)",
        "7",
        "12x10 to 50x40",
        "5 8-bit RGB, 1 8-bit grey, 1 16-bit RGB",
        "0",
        "",
    ]
    assert quick.rows[1][:4] == ["train", "b (B)", "6", "30x24"]
    assert quick.rows[1][5] == "1"
    assert [group[0].name for group in quick.duplicates] == ["000.png"]
    assert [(one.name, other.name) for one, other in quick.leaks] == [("001.png", "000.png")]
    words = "\n".join(quick.words())
    assert "train 7 of a (A) and 6 of b (B); test 2" in words
    assert "1 files can't be read" in words
    assert "004.png: the file is empty" in words
    assert "1 groups of exact duplicates: 000.png = 009.png" in words
    assert "1 pictures of val or test are also in train" in words

    full = check(data, full=True)
    assert full.rows[1][5] == "2"
    assert any("003.png: truncated" in message for message in full.unreadable)


def test_pairs(tmp_path: Path) -> None:
    fill(tmp_path / "a", ["1.png", "2.png", "3.png"])
    fill(tmp_path / "b", ["2.png", "3.png", "4.png"], 10, height=20)
    report = check(open_folder(tmp_path, FIELDS["pairs"]))
    assert [path.name for path in report.alone] == ["1.png", "4.png"]
    assert report.rows[0][-1] == "2"
    assert any("2 files without a partner are skipped" in line for line in report.problems)
    assert any("2 pairs differ in size" in line for line in report.problems)


def test_side_by_side_files_are_no_duplicates_of_themselves(tmp_path: Path) -> None:
    report = check(open_folder(fill(tmp_path / "x", 3), FIELDS["pairs"]))
    assert report.problems == []
    assert report.words()[-1] == "no problems found in the files' headers; `advloss data check` decodes every picture"
    assert report.rows[0][3] == "24x12"


def test_synthetic() -> None:
    report = check(SETS["stripes"](64, 0))
    assert report.rows[0] == ["train", "a (plain)", "1000", "64x64", "drawn", "0", ""]
    assert not report.problems


@pytest.mark.parametrize(
    ("sizes", "sides"),
    [
        ([(24, 48)] * 3, ["a", "b"]),
        ([(24, 48), (30, 60)], ["a", "b"]),
        ([(33, 33)] * 3, ["b"]),
        ([(24, 32)] * 3, ["b"]),
        ([(48, 24)] * 3, ["b"]),
        ([(24, 48), (24, 49)], ["b"]),
        ([(24, 48), (30, 40)], ["b"]),
    ],
)
def test_photographs_are_not_taken_for_pairs(tmp_path: Path, sizes: list[tuple[int, int]], sides: list[str]) -> None:
    for number, (height, width) in enumerate(sizes):
        fill(tmp_path, [f"{number}.png"], number, height, width)
    opened = open_any(tmp_path)
    assert list(opened.train.images) == sides
    report = check(opened, full=True)
    assert report.words()[-1] == "no problems found" and len(report.rows) == len(sides)


def test_very_many_files_are_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LOOKED_AT_FILES", 5)
    monkeypatch.setattr(checks, "MOST_COMPARED", 5)
    data = open_folder(fill(tmp_path, 20), FIELDS["single"])
    quick, full = check(data), check(data, full=True)
    assert (quick.looked_at, full.looked_at) == (5, 20)
    assert "train: of 20 pictures, 5 were looked at" in quick.notes
    assert "20 files are too many to look for equal ones; `advloss data check` does" in quick.notes
    assert full.notes == []
