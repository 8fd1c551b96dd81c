"""Each side of a validation set is validated as the training side of its name; what is not clear is refused."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import DataSet, open_data
from advloss.data.fields import Image, Label
from advloss.data.sources.side_names import side_name
from tests.data.pictures import FIELDS, fill, picture

THREE = {name: Image(name) for name in "abc"}
CLASSES = {"image": Image("images"), "label": Label("images"), "other": Image("other")}
NAMES = [
    # the training's sides a and b, the validation's sides in the same order
    (("photo", "edges"), ("photo", "edges")),
    (("edges", "photo"), ("edges", "photo")),
    (("Photo", "edges"), ("photo", "EDGES")),
    (("train_photo", "train_edges"), ("val_photo", "val_edges")),
    (("photo-train", "edges-train"), ("photo", "edges")),
    (("photo/train", "edges/train"), ("photo", "edges")),
    (("trainB", "trainA"), ("valB", "valA")),
    (("zebra", "horse"), ("valA", "valB")),
    (("zebra", "horse"), ("A", "B")),
    (("y", "x"), ("a", "b")),
]
UNCLEAR = [
    (("photo", "edges"), ("left", "right")),
    (("photo", "edges"), ("photo", "contours")),
    (("photo", "edges"), ("horse", "zebra")),
    (("trainA", "trainB"), ("photo", "edges")),
    (("new/photo", "old/photo"), ("photo", "edges")),
    (("x/train", "x/val"), ("p", "q")),
]


def opened(root: Path, kind: str, sides: tuple[str, str], val: tuple[str, str], how: str) -> DataSet:
    """Training pictures from number 0 (a) and 100 (b) on, validation pictures from 200 (a) and 300 (b) on."""
    for number, name in enumerate(sides):
        fill(root / "data" / name, 2, 100 * number)
    for number, name in enumerate(val):
        fill(root / "held" / name, 2, 200 + 100 * number)
    paths = {field: [root / "data" / name] for field, name in zip("ab", sides, strict=True)}
    own = {field: [root / "held" / name] for field, name in zip("ab", val, strict=True)}
    to_validate = {"val": root / "held"} if how == "val" else {"val_paths": own}
    return open_data(None, FIELDS[kind], paths=paths, size=32, seed=0, **to_validate)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["pairs", "unpaired"])
def test_sides_are_matched_by_name_or_refused(tmp_path: Path, kind: str) -> None:
    for number, (sides, val) in enumerate(NAMES):
        data = opened(tmp_path / str(number), kind, sides, val, "val")
        for field, first in (("a", 200), ("b", 300)):
            np.testing.assert_array_equal(data.splits["val"].images[field].read(1), picture(first + 1), f"{sides}")
        assert data.notes == ()
    for number, (sides, val) in enumerate(UNCLEAR):
        with pytest.raises(InputError, match=r"^data\.val: its sides are .*data\.val_a=FOLDER data\.val_b=FOLDER"):
            opened(tmp_path / f"unclear{number}", kind, sides, val, "val")


@pytest.mark.parametrize("kind", ["pairs", "unpaired"])
def test_val_a_and_val_b_say_it(tmp_path: Path, kind: str) -> None:
    for number, (sides, val) in enumerate(NAMES + UNCLEAR[:-1]):
        data = opened(tmp_path / str(number), kind, sides, val, "own")
        for field, first in (("a", 200), ("b", 300)):
            np.testing.assert_array_equal(data.splits["val"].images[field].read(1), picture(first + 1))


def test_three_domains_in_any_order(tmp_path: Path) -> None:
    for order in itertools.permutations(("deer", "elk", "fox")):
        root = tmp_path / "-".join(order)
        for number, name in enumerate(order):
            fill(root / "data" / name, 2, 100 * number)
            fill(root / "held" / name, 2, 300 + 100 * number)
        paths = {field: [root / "data" / name] for field, name in zip("abc", order, strict=True)}
        data = open_data(None, THREE, paths=paths, val=root / "held", size=32, seed=0)
        for number, field in enumerate("abc"):
            np.testing.assert_array_equal(data.splits["val"].images[field].read(0), picture(300 + 100 * number))


def test_sides_below_the_folder_of_a_source(tmp_path: Path) -> None:
    """data.pairs=FOLDER takes its sides by the alphabet, and validates by their names."""
    for split, first in (("data", 0), ("held", 200)):
        for number, name in enumerate(("edges", "photo")):
            fill(tmp_path / split / name, 2, first + 100 * number)
    paths, own = {"pairs": [tmp_path / "data"]}, {"pairs": [tmp_path / "held"]}
    data = open_data(None, FIELDS["pairs"], paths=paths, val_paths=own, size=32, seed=0)
    assert data.titles == {"a": "edges", "b": "photo"}
    np.testing.assert_array_equal(data.splits["val"].images["b"].read(0), picture(300))


def test_classes_are_those_of_training(tmp_path: Path) -> None:
    for split in ("data", "held"):
        for name in ("cat", "dog", "owl"):
            if (split, name) != ("held", "cat"):
                fill(tmp_path / split / name, 2)
        fill(tmp_path / f"{split}-other", 2)
    paths = {"image": [tmp_path / "data"], "other": [tmp_path / "data-other"]}
    own = {"image": [tmp_path / "held"], "other": [tmp_path / "held-other"]}
    data = open_data(None, CLASSES, paths=paths, val_paths=own, size=32, seed=0)
    assert data.splits["val"].rows["label"].values.tolist() == [1, 1, 2, 2]
    fill(tmp_path / "held" / "emu", 2)
    with pytest.raises(InputError, match="unknown class 'emu'"):
        open_data(None, CLASSES, paths=paths, val_paths=own, size=32, seed=0)


def test_small_and_large_pictures_to_validate(tmp_path: Path) -> None:
    small, large = fill(tmp_path / "x4", 2, 0, 6, 6), fill(tmp_path / "hr", 2, 10)
    data = open_data(
        None, FIELDS["single"], paths={"b": [large]}, val_paths={"a": [small], "b": [large]}, size=32, seed=0
    )
    np.testing.assert_array_equal(data.splits["val"].images["a"].read(1), picture(1, 6, 6))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"a": "x"}, "data.val_b is missing: give both folders, data.val_a=FOLDER data.val_b=FOLDER"),
        ({"a": "x", "b": "x"}, "same folder"),
        ({"a": "x", "b": "gone"}, "gone: no such folder"),
        ({"a": "x", "b": "empty"}, "holds no pictures"),
    ],
)
def test_what_is_wrong_with_them(tmp_path: Path, keys: dict[str, str], says: str) -> None:
    for name in ("x", "y"):
        fill(tmp_path / name, 2)
    (tmp_path / "empty").mkdir()
    paths = {"a": [tmp_path / "x"], "b": [tmp_path / "y"]}
    own = {key: [tmp_path / name] for key, name in keys.items()}
    with pytest.raises(InputError, match=says):
        open_data(None, FIELDS["pairs"], paths=paths, val_paths=own, size=32, seed=0)
    with pytest.raises(InputError, match="give one of them"):
        open_data(None, FIELDS["pairs"], paths=paths, val=tmp_path, val_paths=own, size=32, seed=0)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("trainA", "A"),
        ("x/val_photo", "photo"),
        ("photo/val", "photo"),
        ("photo-test", "photo"),
        ("valley", "valley"),
        ("training", "training"),
        ("testimony", "testimony"),
        ("/train", "train"),
    ],
)
def test_the_name_of_a_side(path: str, name: str) -> None:
    assert side_name(Path(path)) == name
