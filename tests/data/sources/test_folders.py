"""Layouts of folders, and what is said where none fits."""

from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import open_data
from advloss.data.fields import Kind
from advloss.data.sources.folders import open_folder
from advloss.data.sources.paths import open_paths
from advloss.images.reading import UnreadableImage
from tests.data.pictures import FIELDS, PAIRS, fill, picture


def test_train_a_train_b(tmp_path: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        fill(tmp_path / name, 2 + number, 10 * number)
    data = open_folder(tmp_path, FIELDS["unpaired"])
    assert {
        name: (len(split.images["a"]), len(split.images["b"]), split.paired) for name, split in data.splits.items()
    } == {
        "train": (2, 3, False),
        "test": (4, 5, False),
    }
    assert data.validation is data.splits["test"]
    np.testing.assert_array_equal(data.train.images["b"].read(1), picture(11))
    assert data.train.images["a"].header(0).size == (24, 24)
    assert (tuple(data.titles.values()), data.notes) == (("A", "B"), ())


def test_pairs_by_name_leave_out_who_is_alone(tmp_path: Path) -> None:
    fill(tmp_path / "photo", ["1.png", "2.jpg", "3.png"])
    fill(tmp_path / "edges", ["2.png", "3.png", "4.png"])
    data = open_folder(tmp_path, FIELDS["pairs"])
    assert tuple(data.titles.values()) == ("edges", "photo")
    assert [data.train.images["a"].name(i) for i in range(2)] == ["2.png", "3.png"]
    assert [data.train.images["b"].name(i) for i in range(2)] == ["2.jpg", "3.png"]
    assert [path.name for path in data.alone["train"]] == ["4.png", "1.png"]
    assert data.notes == (
        "the sides are taken in the order of their folders' names; data.direction=b2a exchanges them",
    )
    assert data.validation is None


def test_two_folders_by_key(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "x", 3), fill(tmp_path / "y", 4)
    data = open_paths({"a": [a], "b": [b]}, FIELDS["pairs"])
    assert (list(data.splits), len(data.train.images["a"]), tuple(data.titles.values())) == (["train"], 3, ("x", "y"))
    assert len(open_paths({"a": [a], "b": [b]}, FIELDS["unpaired"]).train.images["b"]) == 4


def test_side_by_side(tmp_path: Path) -> None:
    fill(tmp_path / "train", 3, width=20)
    fill(tmp_path / "val", 1, width=20)
    data = open_folder(tmp_path, FIELDS["pairs"])
    whole = picture(1, width=20)
    np.testing.assert_array_equal(data.train.images["a"].read(1), whole[:, :10])
    np.testing.assert_array_equal(data.train.images["b"].read(1), whole[:, 10:])
    assert data.train.paired
    assert data.train.images["b"].header(0).size == (24, 10)
    assert len(open_folder(tmp_path / "train", FIELDS["pairs"]).train.images["a"]) == 3
    with pytest.raises(InputError, match=r"one folder of pictures, and an unpaired method needs two.*data\.a"):
        open_folder(tmp_path, FIELDS["unpaired"])


def test_an_odd_width_holds_no_pair(tmp_path: Path) -> None:
    data = open_folder(fill(tmp_path / "x", 2, width=21), FIELDS["pairs"])
    with pytest.raises(UnreadableImage, match=r"000\.png: 21 pixels wide"):
        data.train.images["a"].read(0)
    with pytest.raises(UnreadableImage, match="21 pixels wide"):
        data.train.images["a"].header(0)


@pytest.mark.parametrize("kind", ["pairs", "unpaired"])
def test_bsds500(photographs: Path, kind: Kind) -> None:
    data = open_folder(photographs, FIELDS[kind])
    assert [(name, len(split.images["a"]), len(split.images["b"])) for name, split in data.splits.items()] == [
        ("train", 300, 300),
        ("val", 50, 50),
    ]
    assert tuple(data.titles.values()) == ("edges", "photo")
    assert data.train.images["a"].header(0).size == data.train.images["b"].header(0).size
    train = photographs / "train"
    by_key = open_paths({"a": [train / "edges"], "b": [train / "photo"]}, FIELDS[kind])
    assert by_key.train.images["b"].path(7) == train / "photo" / f"{Path(by_key.train.images['a'].name(7)).stem}.jpg"


def test_direction_exchanges_the_sides(tmp_path: Path) -> None:
    fill(tmp_path / "A", 2)
    fill(tmp_path / "B", 2, 5)
    data = open_data(tmp_path, FIELDS["pairs"], size=64, seed=0, direction="b2a")
    assert tuple(data.titles.values()) == ("B", "A")
    np.testing.assert_array_equal(data.train.images["a"].read(0), picture(5))


def test_a_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "maps" / "A", 2)
    fill(tmp_path / "maps" / "B", 2)
    monkeypatch.chdir(tmp_path)
    assert len(open_data("maps", FIELDS["unpaired"], size=64, seed=0).train.images["a"]) == 2


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "holds no pictures that can be used; understood are:.*trainA/ and trainB/"),
        (lambda root: fill(root / "trainA", 3), "holds trainA/ but not trainB/"),
        (
            lambda root: (fill(root / "trainA", 3), (root / "trainB").mkdir()),
            "trainB holds no pictures.*understood are",
        ),
        (
            lambda root: (fill(root / "trainA", 1), fill(root / "trainB", 3)),
            "trainA holds 1 image; at least 2 are needed",
        ),
        (lambda root: fill(root, 1), "holds 1 image; at least 2 are needed"),
        (lambda root: [fill(root / name, 2) for name in "xyz"], "holds pictures in x/, y/, z/; two such folders"),
        (lambda root: fill(root / "photo", 2), "holds pictures in photo/; two such folders"),
        (
            lambda root: (fill(root / "a", ["1.png", "2.png"]), fill(root / "b", ["x.png", "y.png"])),
            "no two.*share a name",
        ),
        (lambda root: (fill(root / "a", ["1.png", "1.jpg"]), fill(root / "b", 2)), "have one name.*remove one"),
        (lambda root: (fill(root / "testA", 3), fill(root / "testB", 3)), "no train split, only test"),
        (
            lambda root: [
                fill(root / s / n, 2) for s, n in (("train", "x"), ("train", "y"), ("val", "x"), ("val", "z"))
            ],
            "in train and .* in val; name them alike",
        ),
    ],
)
def test_what_is_wrong_with_a_folder(tmp_path: Path, make: object, says: str) -> None:
    make(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=f"(?s){says}") as raised:
        open_folder(tmp_path, FIELDS["pairs"])
    assert str(tmp_path) in str(raised.value) or "sides are" in str(raised.value)


def test_wrong_paths_and_keys(tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    folder = fill(tmp_path / "x", 2)
    for arguments, says in [
        ((tmp_path / "gone",), "gone: no such folder"),
        ((tmp_path / "file.png",), "is a file; give the folder"),
        ((None,), "no data set given"),
        ((None, folder), "data.b is missing: give both folders, data.a=FOLDER data.b=FOLDER"),
        ((None, None, folder), "data.a is missing"),
        ((None, folder, folder), "data.a and data.b are the same folder"),
        ((folder, folder, folder), "not both"),
        ((None, folder, tmp_path / "gone"), "gone: no such folder"),
    ]:
        name, *sides = arguments
        paths = {field: [side] for field, side in zip("ab", sides, strict=False) if side is not None}
        with pytest.raises(InputError, match=says):
            open_data(name, PAIRS, paths=paths, size=32, seed=0)


def test_unknown_names() -> None:
    for name, says in [
        ("horse2zebr", "did you mean 'horse2zebra'.*or a folder"),
        ("stripe", "did you mean 'stripes'"),
        ("data/none", "data/none: no such folder"),
    ]:
        with pytest.raises(InputError, match=says):
            open_data(name, FIELDS["unpaired"], size=64, seed=0)
    with pytest.raises(InputError, match=r"'stripes' has no pairs.*facades-like"):
        open_data("stripes", FIELDS["pairs"], size=64, seed=0)
    with pytest.raises(InputError, match="too small"):
        open_data("stripes", FIELDS["unpaired"], size=8, seed=0)
    with pytest.raises(InputError, match="a2b or b2a"):
        open_data("stripes", FIELDS["unpaired"], size=64, seed=0, direction="both")  # type: ignore[arg-type]
