"""Files of images and labels: each shape is read as it is, however the file is named; the rest is refused."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from advloss.core.errors import InputError
from advloss.data import open_any, open_data, short_name
from advloss.data.array_sets.array_file import read_array_file, write_array_file
from advloss.data.check import check
from advloss.data.fields import Fields, Image, Label, Noise
from advloss.data.formats import FieldFormat
from advloss.training.run.items import items_of
from tests.training.started import done, refused

IMAGES: Fields = {"image": Image("images"), "noise": Noise(size=3)}
LABELLED: Fields = {**IMAGES, "label": Label("images")}
TWO: Fields = {"a": Image("a"), "label": Label("a"), "b": Image("b"), "other": Label("b", optional=True)}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 8), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (6, 9, 8, 3), np.uint8)
ROWS = np.array([0, 1, 2, 0, 1, 2])


def written(path: Path, images: np.ndarray = PIXELS, labels: np.ndarray | None = ROWS, **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {"images": images} | ({} if labels is None else {"labels": labels})
    save_file({name: np.ascontiguousarray(array) for name, array in held.items()}, path, metadata or None)
    return path


@pytest.mark.parametrize(
    ("images", "expected"),
    [(PIXELS, PIXELS[..., None]), (COLOURS, COLOURS), (COLOURS.transpose(0, 3, 1, 2), COLOURS)],
)
def test_each_shape_gives_the_same_pixels(tmp_path: Path, images: np.ndarray, expected: np.ndarray) -> None:
    values, rows = read_array_file(written(tmp_path / "x.safetensors", images))
    channels = expected.shape[-1]
    for index in (0, 5):
        np.testing.assert_array_equal(values.read(index, FieldFormat(channels)), expected[index])
    assert (values.header(0).size, values.header(0).channels, values.name(5)) == ((9, 8), channels, "x.safetensors/5")
    assert rows is not None and rows.values.tolist() == ROWS.tolist() and rows.classes == ("0", "1", "2")


def test_a_file_a_folder_with_splits_and_a_folder_with_one_file(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("test", 4)):
        written(tmp_path / "set" / split / "x.safetensors", PIXELS[:count], ROWS[:count], classes='["a", "b", "c"]')
    data = open_data(tmp_path / "set", LABELLED, size=8, seed=0)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 6, "test": 4}
    assert data.splits["test"].rows["label"].classes == ("a", "b", "c") and data.notes == ()
    for place in (tmp_path / "set" / "train", tmp_path / "set" / "train" / "x.safetensors"):
        data = open_data(place, LABELLED, size=8, seed=0, val=tmp_path / "set" / "test" / "x.safetensors")
        assert {name: len(split) for name, split in data.splits.items()} == {"train": 6, "val": 4}
        assert not open_data(place, IMAGES, size=8, seed=0).train.rows
    assert short_name(tmp_path / "x.safetensors") == "x"
    report = check(open_any(tmp_path / "set"), full=True)
    assert report.rows[0][2:6] == ["6", "9x8", "8-bit grey", "0"] and not report.problems


def test_each_domain_may_have_a_file(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a.safetensors"), written(tmp_path / "b.safetensors", COLOURS, None)
    data = open_data(None, TWO, paths={"a": [a], "b": [b]}, val_paths={"a": [a], "b": [b]}, size=8, seed=0)
    assert list(data.train.rows) == ["label"] and data.titles == {"a": "a", "b": "b"}
    assert [len(split) for split in data.splits.values()] == [6, 6]
    with pytest.raises(InputError, match=r"this method needs 2; give each its own, data\.a=FILE data\.b=FILE"):
        open_data(a, TWO, size=8, seed=0)


def test_labels_may_come_from_another_file(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", ROWS[::-1])
    file = written(tmp_path / "x.safetensors", labels=None)
    data = open_data(file, LABELLED, paths={"label": [tmp_path / "y.npy"]}, size=8, seed=0)
    assert data.train.rows["label"].values.tolist() == ROWS[::-1].tolist()


def test_the_same_file_elsewhere_is_the_same_data(tmp_path: Path) -> None:
    items = [items_of(open_data(written(tmp_path / f / "x.safetensors"), LABELLED, size=8, seed=0)) for f in "ab"]
    assert items[0] == items[1]


def test_a_file_that_we_write_is_read(tmp_path: Path) -> None:
    write_array_file(tmp_path / "x.safetensors", PIXELS, ROWS, ("x", "y", "z"))
    _, rows = read_array_file(tmp_path / "x.safetensors")
    assert rows is not None and rows.classes == ("x", "y", "z")


FLOATS = PIXELS.astype(np.float32)


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (FLOATS, ROWS, None, "'images' is F32 [6, 9, 8]; it is uint8 [N, H, W], [N, H, W, C] or [N, C, H, W]"),
        (PIXELS[0], ROWS, None, "'images' is U8 [9, 8]; it is uint8"),
        (PIXELS[:, None, None], ROWS, None, "'images' is U8 [6, 1, 1, 9, 8]; it is uint8"),
        (PIXELS[:, :, :5, None].repeat(5, 3), ROWS, None, "'images' is U8 [6, 9, 5, 5]; it is uint8"),
        (COLOURS[:, :3], ROWS, None, "the channels may be its second or its last axis"),
        (PIXELS[:0], ROWS[:0], None, "'images' is U8 [0, 9, 8]"),
        (PIXELS[:1], ROWS[:1], None, "holds 1 image, and at least 2 are needed"),
        (PIXELS, None, None, "has no 'labels', int64 [N], and this method needs them; or say data.label=FILE.npy"),
        (PIXELS, ROWS[:4], None, "'labels' is I64 [4]; of these images it is int64 [6]"),
        (PIXELS, ROWS.astype(np.float32), None, "'labels' is F32 [6]; of these images it is int64 [6]"),
        (PIXELS, ROWS - 1, None, "'labels' are from -1 to 1; they are numbers of classes, from 0 on"),
        (PIXELS, ROWS * 10**6, None, "'labels' are from 0 to 2000000"),
        (PIXELS, ROWS * 0 + 1, '["a", "b"]', "all its 'labels' are of one class, 'b'; at least two classes"),
        (PIXELS, ROWS, '["a", "b"]', "has the label 2, and there are 2 classes, numbered from 0 on"),
        (PIXELS, ROWS, '["a", "a", "b"]', "'classes' in its metadata is a list of different names in JSON"),
        (PIXELS, ROWS, "{", "'classes' in its metadata is a list of different names in JSON"),
    ],
)
def test_what_is_no_such_file(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray | None, classes: str | None, message: str
) -> None:
    file = written(tmp_path / "x.safetensors", images, labels, **({"classes": classes} if classes else {}))
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        open_data(file, LABELLED, size=8, seed=0)
    assert str(raised.value).startswith(f"{file}: ")


def test_damaged_and_odd_files(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"is no whole \.safetensors file"):
        open_data(file, LABELLED, size=8, seed=0)
    (tmp_path / "bytes.safetensors").write_bytes(os.urandom(100))
    with pytest.raises(InputError, match=r"is no whole \.safetensors file"):
        open_data(tmp_path / "bytes.safetensors", IMAGES, size=8, seed=0)
    with pytest.raises(InputError, match=r"holds 2 \.safetensors files; name one of them"):
        open_data(tmp_path, IMAGES, size=8, seed=0)
    save_file({"weight": FLOATS}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"has no 'images' \(uint8 .*\); it holds weight"):
        open_data(tmp_path / "model.safetensors", IMAGES, size=8, seed=0)
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(InputError, match="a pipe"):
        open_data(tmp_path / "pipe.safetensors", IMAGES, size=8, seed=0)


def test_a_label_of_test_that_train_has_not(tmp_path: Path) -> None:
    for split, rows in (("train", ROWS), ("test", ROWS + 1)):
        written(tmp_path / split / "x.safetensors", labels=rows)
    with pytest.raises(InputError, match="has the label 3, and there are 3 classes"):
        open_data(tmp_path, LABELLED, size=8, seed=0)


def test_a_recipe_trains_on_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(Path("mine.safetensors"), PIXELS.repeat(20, 0), ROWS.repeat(20))
    said = done("train", "recipe=dcgan-small", "mine.safetensors", "--iterations", "2", "--device", "cpu")
    assert "mine: train 120 of image (pictures)" in said.output
    model = "runs/dcgan-small-mine/model.safetensors"
    assert said.stdout.split()[-1] == model
    assert "has no 'images'" in refused("train", "recipe=dcgan-small", model, "--iterations", "2")
