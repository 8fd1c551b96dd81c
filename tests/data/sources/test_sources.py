"""What a batch holds follows from the declaration: several domains, folders, labels, masks, vectors."""

from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import DataSet, open_data
from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector, from_files, kind_of, sources_of
from advloss.data.sources.base import Split
from tests.data.pictures import FIELDS, PAIRS, fill, picture

THREE: Fields = {"a": Image("a"), "b": Image("b"), "c": Image("c")}
TRIPLES: Fields = {"x": Image("all"), "y": Image("all"), "z": Image("all")}
CLASSES: Fields = {"image": Image("images"), "label": Label("images"), "noise": Noise(size=8)}
HOLES: Fields = {"image": Image("images"), "mask": Mask("images")}
HALF: Fields = {"known": Image("labelled"), "label": Label("labelled"), "other": Image("unlabelled")}
FEATURES: Fields = {"x": Vector("first"), "y": Label("first"), "u": Vector("second")}


def opened(name: Path | None, fields: Fields, **paths: object) -> DataSet:
    listed = {key: where if isinstance(where, list) else [where] for key, where in paths.items()}
    return open_data(name, fields, paths=listed, size=32, seed=0)  # type: ignore[arg-type]


def held(split: Split) -> dict[str, int]:
    return {name: len(values) for name, values in split.images.items()}


@pytest.mark.parametrize(
    ("fields", "kind", "files", "sources"),
    [
        (FIELDS["unpaired"], "unpaired", ["a", "b"], ["a", "b"]),
        (PAIRS, "pairs", ["a", "b"], ["pairs"]),
        (FIELDS["single"], "single", ["b"], ["pictures"]),
        (THREE, "unpaired", ["a", "b", "c"], ["a", "b", "c"]),
        (TRIPLES, "pairs", ["x", "y", "z"], ["all"]),
        (CLASSES, "single", ["image"], ["images"]),
        (HALF, "unpaired", ["known", "other"], ["labelled", "unlabelled"]),
    ],
)
def test_kinds_follow_from_the_declaration(fields: Fields, kind: str, files: list[str], sources: list[str]) -> None:
    assert (kind_of(fields), from_files(fields), sources_of(fields)) == (kind, files, sources)


def test_three_domains_in_every_layout(tmp_path: Path) -> None:
    for number, letter in enumerate("ABC"):
        fill(tmp_path / "letters" / f"train{letter}", 3 + number, 10 * number)
        fill(tmp_path / "below" / f"kind{letter}", 3 + number, 10 * number)
    folders = {name: tmp_path / "below" / f"kind{name.upper()}" for name in "abc"}
    for data in (
        opened(tmp_path / "letters", THREE),
        opened(tmp_path / "below", THREE),
        opened(None, THREE, **folders),
    ):
        assert held(data.train) == {"a": 3, "b": 4, "c": 5} and not data.train.together
        assert list(data.train.sources) == ["a", "b", "c"]
        for number, values in enumerate(data.train.images.values()):
            np.testing.assert_array_equal(values.read(1), picture(10 * number + 1))
    assert opened(tmp_path / "below", THREE).titles == {"a": "kindA", "b": "kindB", "c": "kindC"}
    with pytest.raises(InputError, match="three such folders, the sides, are needed"):
        fill(tmp_path / "below" / "kindD", 2)
        opened(tmp_path / "below", THREE)
    with pytest.raises(InputError, match=r"data\.c is missing: give each folder, data\.a=FOLDER data\.b=FOLDER"):
        opened(None, THREE, a=folders["a"], b=folders["b"])
    with pytest.raises(InputError, match="'stripes' has 2 domains, and this method needs 3"):
        open_data("stripes", THREE, size=32, seed=0)


def test_three_images_of_one_item_find_each_other_by_name(tmp_path: Path) -> None:
    for number, name in enumerate("xyz"):
        fill(tmp_path / name, ["0.png", "1.png", "2.png", "3.png"][number:], 10 * number + number)
    data = opened(None, TRIPLES, **{name: tmp_path / name for name in "xyz"})
    assert held(data.train) == dict.fromkeys("xyz", 2) and data.train.paired
    assert {path.name for path in data.alone["train"]} == {"0.png", "1.png"}
    np.testing.assert_array_equal(data.train.images["y"].read(0), picture(12))


def test_several_folders_of_one_field(tmp_path: Path) -> None:
    for number, name in enumerate("pqrs"):
        fill(tmp_path / name, [f"{name}0.png", f"{name}1.png"], 10 * number)
    data = opened(None, FIELDS["unpaired"], a=[tmp_path / "p", tmp_path / "q"], b=tmp_path / "r")
    assert held(data.train) == {"a": 4, "b": 2}
    np.testing.assert_array_equal(data.train.images["a"].read(2), picture(10))
    (tmp_path / "s" / "s0.png").rename(tmp_path / "s" / "p0.png")
    (tmp_path / "s" / "s1.png").rename(tmp_path / "s" / "q1.png")
    paired = opened(None, PAIRS, a=[tmp_path / "p", tmp_path / "q"], b=tmp_path / "s")
    assert held(paired.train) == {"a": 2, "b": 2}
    with pytest.raises(InputError, match=r"data\.a names the folder \S*p twice"):
        opened(None, FIELDS["unpaired"], a=[tmp_path / "p", tmp_path / "p"], b=tmp_path / "r")


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for split in ("train", "val"):
        fill(tmp_path / split / "cat", 3)
        fill(tmp_path / split / "ant" / "below", 2, 10)
    data = opened(tmp_path, CLASSES)
    labels = data.train.rows["label"]
    assert labels.classes == ("ant", "cat") and labels.values.tolist() == [0, 0, 1, 1, 1]
    assert labels.values.dtype == np.int64 and held(data.train) == {"image": 5}
    np.testing.assert_array_equal(data.train.images["image"].read(1), picture(11))
    assert data.splits["val"].rows["label"].values.tolist() == [0, 0, 1, 1, 1]
    fill(tmp_path / "val" / "dog", 1)
    with pytest.raises(InputError, match=r"unknown class 'dog'.*the classes are those of train"):
        opened(tmp_path, CLASSES)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a/0.png", "a/1.png"], "holds only a/; at least two classes"),
        (["a/0.png", "1.png"], r"1\.png lies in no class's folder"),
    ],
)
def test_folders_that_are_no_classes(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        fill((tmp_path / name).parent, [Path(name).name])
    with pytest.raises(InputError, match=says):
        opened(tmp_path, CLASSES)


def test_labels_from_a_table(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", ["a.png", "b.png", "c.png"])
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nb.png,zebra\na,horse\nset/c.png,zebra\n")
    for data in (opened(folder, CLASSES, label=table), opened(None, CLASSES, image=folder, label=table)):
        assert data.train.rows["label"].classes == ("horse", "zebra")
        assert data.train.rows["label"].values.tolist() == [0, 1, 1]
    np.save(tmp_path / "labels.npy", np.array([4, 0, 1]))
    assert opened(folder, CLASSES, label=tmp_path / "labels.npy").train.rows["label"].values.tolist() == [4, 0, 1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a.png,x\nb.png,y\n", r"has no line for 1 of 3 pictures, such as \S*c\.png"),
        ("a.png\n", "the line 'a.png' has one column"),
        ("", "has no line for 3 of 3"),
        ("a.png,x\nb.png,\nc.png,x\n", "b.png has an empty label"),
        ("a.png,x\nb.png,y\nc.png,x\na.png,y\n", "a.png has two labels, 'x' and 'y'"),
    ],
)
def test_tables_that_do_not_serve(tmp_path: Path, content: str, says: str) -> None:
    folder = fill(tmp_path / "set", ["a.png", "b.png", "c.png"])
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(InputError, match=rf"data\.label: \S*x\.csv: {says}"):
        opened(folder, CLASSES, label=tmp_path / "x.csv")


def test_numbers_are_in_their_order_and_a_spreadsheet_s_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", ["a.png", "b.png", "c.png"])
    (tmp_path / "x.csv").write_text("a.png,10\nb.png,9\nc.png,2\n", encoding="utf-8-sig")
    rows = opened(folder, CLASSES, label=tmp_path / "x.csv").train.rows["label"]
    assert rows.classes == ("2", "9", "10") and rows.values.tolist() == [2, 1, 0]


@pytest.mark.parametrize("number", [-1, 2_000_000, 2**63], ids=str)
def test_numbers_that_are_no_classes(tmp_path: Path, number: int) -> None:
    np.save(tmp_path / "x.npy", np.array([0, 1, number], np.int64 if number < 0 else np.uint64))
    with pytest.raises(InputError, match=r"x\.npy: .*labels are"):
        opened(fill(tmp_path / "set", 3), CLASSES, label=tmp_path / "x.npy")


def test_labels_are_asked_for(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", 3)
    with pytest.raises(InputError, match=r"gone\.csv: can't be read"):
        opened(folder, CLASSES, label=tmp_path / "gone.csv")
    with pytest.raises(InputError, match=r"x\.txt: is no \.csv or \.npy file"):
        opened(folder, CLASSES, label=tmp_path / "x.txt")
    with pytest.raises(InputError, match="come from one file, not from 2"):
        opened(folder, CLASSES, label=[tmp_path / "x.csv", tmp_path / "y.csv"])


def test_masks_belong_to_the_pictures_of_their_names(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", ["a.png", "b.png", "c.png"])
    masks = fill(tmp_path / "masks", ["c.png", "a.png"], 20)
    train = opened(folder, HOLES, mask=masks).train
    assert held(train) == {"image": 2, "mask": 2}
    assert [train.images["image"].name(index) for index in range(2)] == ["a.png", "c.png"]
    np.testing.assert_array_equal(train.images["mask"].read(1), picture(20))
    assert held(opened(folder, HOLES).train) == {"image": 3}  # they are drawn
    with pytest.raises(InputError, match=r"data\.mask: no picture in \S* has the name"):
        opened(folder, HOLES, mask=fill(tmp_path / "others", ["x.png"]))


def test_a_labelled_and_an_unlabelled_source(tmp_path: Path) -> None:
    fill(tmp_path / "known" / "x", 2)
    fill(tmp_path / "known" / "y", 1, 5)
    fill(tmp_path / "more", 7, 20)
    for paths in ({"labelled": tmp_path / "known", "unlabelled": tmp_path / "more"},
                  {"known": tmp_path / "known", "other": tmp_path / "more"}):  # fmt: skip
        train = opened(None, HALF, **paths).train
        assert held(train) == {"known": 3, "other": 7}
        assert train.rows["label"].values.tolist() == [0, 0, 1]
        assert list(train.sources) == ["labelled", "unlabelled"] and not train.together
    with pytest.raises(InputError, match="where the labels are is not clear"):
        opened(tmp_path, HALF)


def test_pictures_to_validate_on_need_their_labels(tmp_path: Path) -> None:
    for name in ("known/x", "known/y", "more", "val/known", "val/more"):
        fill(tmp_path / name, 2)
    paths = {"labelled": [tmp_path / "known"], "unlabelled": [tmp_path / "more"]}
    with pytest.raises(InputError, match=r"data\.val: its pictures have no 'label'"):
        open_data(None, HALF, paths=paths, val=tmp_path / "val", size=32, seed=0)


def test_vectors_without_a_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(4, 3))
    np.save(tmp_path / "y.npy", np.array([1, 0, 1, 1], np.uint8))
    np.save(tmp_path / "u.npy", np.ones((6, 3), np.float16))
    files = {name: tmp_path / f"{name}.npy" for name in "xyu"}
    train = opened(None, FEATURES, **files).train
    assert {name: rows.values.shape for name, rows in train.rows.items()} == {"x": (4, 3), "y": (4,), "u": (6, 3)}
    assert train.rows["u"].values.dtype == np.float32 and [len(source) for source in train.sources.values()] == [4, 6]
    with pytest.raises(InputError, match=r"data\.y: \S*u\.npy: float16 \[6, 3\]; labels are whole numbers \[N\]"):
        opened(None, FEATURES, **(files | {"y": files["u"]}))
    np.save(tmp_path / "short.npy", np.array([1, 0]))
    with pytest.raises(InputError, match=r"short\.npy holds 2 rows, and there are 4 items"):
        opened(None, FEATURES, **(files | {"y": tmp_path / "short.npy"}))
    with pytest.raises(InputError, match=r"has no 'u', which this method needs; say data\.u=FILE\.npy"):
        opened(None, FEATURES, x=files["x"], y=files["y"])
