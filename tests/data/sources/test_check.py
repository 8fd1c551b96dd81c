"""The report on a data set names what is in it and what is wrong."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from advloss.data.check import check
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
    assert report.words()[-1] == "no problems found"
    assert report.rows[0][3] == "24x12"


def test_synthetic() -> None:
    report = check(SETS["stripes"](64, 0))
    assert report.rows[0] == ["train", "a (plain)", "1000", "64x64", "drawn", "0", ""]
    assert not report.problems
