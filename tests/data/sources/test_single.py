"""Pictures on one side, as super-resolution takes them, and pictures to validate on from a folder of their own."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from advloss.core.errors import InputError
from advloss.data import DataSet, open_any, open_data
from advloss.data.check import check
from advloss.data.fields import Kind
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.loading.loader import Loader
from advloss.data.sources.folders import open_folder
from advloss.data.sources.values import JoinedValues
from advloss.data.synthetic.sets import COUNTS, SETS
from tests.data.pictures import FIELDS, fill, picture


def opened(name: Path | str, kind: Kind = "single", **options: object) -> DataSet:
    return open_data(name, FIELDS[kind], size=32, seed=0, **options)  # type: ignore[arg-type]


def counts(data: DataSet) -> dict[str, int]:
    assert all(not split.paired and list(split.images) == ["b"] for split in data.splits.values())
    return {name: len(split.images["b"]) for name, split in data.splits.items()}


def test_a_folder_and_all_below_it(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    fill(tmp_path / "cats", 2, 10)
    fill(tmp_path / "dogs" / "small", 3, 20)
    fill(tmp_path / ".hidden", 4)
    data = opened(tmp_path)
    assert counts(data) == {"train": 7}
    assert tuple(data.titles.values()) == ("pictures",)
    np.testing.assert_array_equal(data.train.images["b"].read(2), picture(10))
    assert data.validation is None


def test_splits_with_a_tree_each(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "x", 2)
    fill(tmp_path / "train" / "y", 3, 10)
    fill(tmp_path / "val", 1, 20)
    fill(tmp_path / "test" / "x" / "y", 2, 30)
    fill(tmp_path / "other", 5, 40)
    data = opened(tmp_path)
    assert counts(data) == {"train": 5, "val": 1, "test": 2}
    np.testing.assert_array_equal(data.splits["test"].images["b"].read(1), picture(31))


def test_folders_of_two_sides_are_one(tmp_path: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        fill(tmp_path / name, 2 + number, 10 * number)
    assert counts(opened(tmp_path)) == {"train": 5, "test": 9}


def test_sets_by_name() -> None:
    stripes, houses = opened("stripes"), opened("facades-like")
    assert counts(stripes) == {name: 2 * count for name, count in COUNTS.items()}
    assert counts(houses) == COUNTS
    two = SETS["stripes"](32, 0)
    for index, source, place in (
        (999, two.train.images["a"], 999),
        (1000, two.train.images["b"], 0),
        (1999, two.train.images["b"], 999),
    ):
        np.testing.assert_array_equal(stripes.train.images["b"].read(index), source.read(place))
        assert stripes.train.images["b"].name(index) == source.name(place)
    assert (stripes.train.images["b"].header(1500).size, stripes.train.images["b"].path(1500)) == ((32, 32), None)
    np.testing.assert_array_equal(
        houses.train.images["b"].read(3), SETS["facades-like"](32, 0).train.images["b"].read(3)
    )
    assert (tuple(stripes.titles.values()), tuple(houses.titles.values())) == (
        ("plain and striped",),
        ("pictures",),
    )


def test_joined_sources_pass_over_an_empty_one(tmp_path: Path) -> None:
    one, two = opened(fill(tmp_path / "1", 2)).train.images["b"], opened(fill(tmp_path / "2", 3, 5)).train.images["b"]
    empty = JoinedValues([])
    joined = JoinedValues([empty, one, empty, two])
    assert len(joined) == 5
    for index, number in enumerate((0, 1, 5, 6, 7)):
        np.testing.assert_array_equal(joined.read(index), picture(number))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, r"holds no pictures .*understood are:(?s:.*)folder of large pictures"),
        (lambda root: fill(root, 1), "holds 1 image; at least 2 are needed"),
        (lambda root: fill(root / "val", 3), "has no train split, only val"),
        (lambda root: (fill(root / "train", 3), (root / "val").mkdir()), "val holds no pictures"),
        (lambda root: fill(root / "trainA", 3), "holds trainA/ but not trainB/"),
    ],
)
def test_what_is_wrong_with_a_folder(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    make(tmp_path)
    with pytest.raises(InputError, match=says):
        opened(tmp_path)


def test_one_side_has_no_direction(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.direction=b2a exchanges two sides, and .* on one"):
        opened(fill(tmp_path, 2), direction="b2a")


def test_a_look_at_a_folder_finds_pairs_then_sides_then_pictures(tmp_path: Path) -> None:
    fill(tmp_path / "x", ["0.png", "1.png", "2.png"])
    fill(tmp_path / "y", ["1.png", "2.png", "3.png"])
    assert open_any(tmp_path).train.paired
    for number in (1, 2):
        (tmp_path / "y" / f"{number}.png").rename(tmp_path / "y" / f"{number}0.png")
    split = open_any(tmp_path).train
    assert (len(split.images), split.paired) == (2, False)
    fill(tmp_path / "z", 2, 10)
    data = open_any(tmp_path)
    assert counts(data) == {"train": 8}
    assert "no two sides were found" in data.notes[0]
    with pytest.raises(InputError, match="understood are"):
        (tmp_path / "empty").mkdir()
        open_any(tmp_path / "empty")


def test_val_from_its_own_folder(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train", 3)
    fill(tmp_path / "set" / "val", 2, 10)
    val = fill(tmp_path / "more" / "inner", 1, 20).parent
    data = opened(tmp_path / "set", val=val)
    assert counts(data) == {"train": 3, "val": 1}
    assert data.validation is data.splits["val"]
    np.testing.assert_array_equal(data.splits["val"].images["b"].read(0), picture(20))
    assert counts(opened("stripes", val=val)) == {**counts(opened("stripes")), "val": 1}


def test_val_of_small_and_large_pictures_is_of_large_ones(tmp_path: Path) -> None:
    small, large, val = (fill(tmp_path / name, 2) for name in ("small", "large", "val"))
    data = open_data(None, FIELDS["single"], paths={"a": [small], "b": [large]}, val=val, size=32, seed=0)
    assert (data.train.paired, data.splits["val"].images.keys()) == (True, {"b"})


@pytest.mark.parametrize("kind", ["pairs", "unpaired"])
def test_val_with_two_sides(tmp_path: Path, kind: Kind) -> None:
    photo, edges = fill(tmp_path / "photo", 3), fill(tmp_path / "edges", 3, 10)
    fill(tmp_path / "val" / "photo", ["1.png", "2.png", "3.png"], 20)
    fill(tmp_path / "val" / "edges", ["1.png", "2.png"], 30)
    val = tmp_path / "val"
    data = open_data(None, FIELDS[kind], paths={"a": [photo], "b": [edges]}, val=val, size=32, seed=0)
    split = data.splits["val"]
    assert (len(split.images["a"]), len(split.images["b"]), split.paired) == (
        (2, 2, True) if kind == "pairs" else (3, 2, False)
    )
    np.testing.assert_array_equal(split.images["a"].read(0), picture(20))  # by the folders' names, not the alphabet
    assert [path.name for path in data.alone.get("val", ())] == (["3.png"] if kind == "pairs" else [])
    assert data.notes == ()
    swapped = open_data(
        None, FIELDS[kind], paths={"a": [photo], "b": [edges]}, val=val, size=32, seed=0, direction="b2a"
    ).splits["val"]
    np.testing.assert_array_equal(swapped.images["b"].read(0), picture(20))
    with pytest.raises(InputError, match=r"edges and photo, and those of the training are labels \(a\)"):
        open_data("facades-like", FIELDS[kind], val=val, size=32, seed=0)


def test_what_is_wrong_with_val_names_it(tmp_path: Path) -> None:
    flat, empty = fill(tmp_path / "flat", 2), tmp_path / "empty"
    empty.mkdir()
    for kind, val, says in (
        ("single", tmp_path / "gone", "gone: no such folder"),
        ("single", flat / "000.png", "is a file"),
        ("single", empty, "holds no pictures"),
        ("pairs", empty, "holds no pictures"),
        ("unpaired", flat, "one folder of pictures, and an unpaired method needs two"),
    ):
        with pytest.raises(InputError, match=rf"^data\.val: .*{says}"):
            opened("facades-like", kind, val=val)  # type: ignore[arg-type]


def test_check_of_one_side(tmp_path: Path) -> None:
    train = fill(tmp_path / "train", 4)
    val = fill(tmp_path / "val", 2, 10)
    shutil.copy(train / "000.png", train / "009.png")
    shutil.copy(train / "001.png", val / "000.png")
    (train / "003.png").write_bytes(b"")
    report = check(opened(train, val=val))
    assert report.rows == [
        ["train", "b (pictures)", "5", "24x24", "8-bit RGB", "1", ""],
        ["val", "b (pictures)", "2", "24x24", "8-bit RGB", "0", ""],
    ]
    assert report.words()[0] == "train: train 5 of b (pictures); val 2 of b (pictures)"
    assert [[path.name for path in group] for group in report.duplicates] == [["000.png", "009.png"]]
    assert report.leaks == [(train / "001.png", val / "000.png")]


def test_val_that_is_a_part_of_train_is_found(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    fill(tmp_path / "held_out", 2, 10)
    report = check(opened(tmp_path, val=tmp_path / "held_out"))
    both = [tmp_path / "held_out" / f"00{number}.png" for number in range(2)]
    assert report.leaks == [(path, path) for path in both]
    assert "2 pictures of val or test are also in train: " in report.problems[0]
    assert "000.png is itself" in report.problems[0]


def test_batches_of_one_side(tmp_path: Path) -> None:
    split = opened(fill(tmp_path, 6)).train
    options = {"load": 24, "crop": 24, "batch": 2, "seed": 3, "flip": False, "resize": "none", "say": lambda said: None}

    def take(count: int, start: int = 0, **changed: object) -> list[torch.Tensor]:
        batches = Loader(split, **(options | changed)).batches(start)  # type: ignore[arg-type]
        taken = list(itertools.islice(batches, count))
        batches.close()  # type: ignore[attr-defined]
        assert all(list(batch) == ["b"] for batch in taken)
        return [batch["b"] for batch in taken]

    epoch = torch.cat(take(3))
    numbers = [next(n for n in range(6) if (picture(n) == one.numpy().transpose(1, 2, 0)).all()) for one in epoch]
    assert sorted(numbers) == list(range(6))  # each once
    for changed in ({"crop": 16, "flip": True}, {"crop": 16, "augment": [{"name": "ColorJitter", "p": 1}]}):
        kept = take(5, memory="on", **changed)
        assert kept[0].shape == (2, 3, 16, 16)
        assert torch.equal(torch.cat(kept), torch.cat(take(5, memory="off", **changed)))
        assert torch.equal(torch.cat(kept[2:]), torch.cat(take(3, 2, memory="off", workers=2, **changed)))
        halves = [take(3, batch=1, rank=rank, world=2, **changed) for rank in range(2)]
        assert torch.equal(torch.cat(kept[:3]), torch.cat([one for pair in zip(*halves, strict=True) for one in pair]))
    assert not torch.equal(take(1, crop=16)[0], take(1, crop=16, augment=[{"name": "ColorJitter", "p": 1}])[0])


@pytest.mark.parametrize("memory", ["on", "off"])
def test_unreadable_pictures_of_one_side(tmp_path: Path, memory: str) -> None:
    names = [f"{number:04d}.png" for number in range(100)]
    fill(tmp_path, names)
    (tmp_path / names[7]).write_bytes(b"")
    said: list[str] = []
    options = {"load": 16, "crop": 16, "batch": 10, "seed": 3, "memory": memory, "say": said.append}
    loader = Loader(opened(tmp_path).train, **options)  # type: ignore[arg-type]
    assert len(list(itertools.islice(loader.batches(), 10))) == 10
    assert [(skip.field, skip.index) for skip in loader.skipped] == [("b", 7)]
    (tmp_path / names[8]).write_bytes(b"")
    with pytest.raises(InputError, match=r"2 of 100 pictures can't be read, more than 1%"):
        list(itertools.islice(Loader(opened(tmp_path).train, **options).batches(), 10))  # type: ignore[arg-type]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    split = opened(tmp_path).train
    assert list(evaluation_items(split, None, resize="none", say=said.append)) == []


def test_published_sets_open_as_one_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sets that lie in the cache: an unpaired one, pairs, and one that is published as both."""
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path))
    monkeypatch.setenv("ADVLOSS_DATA_URL", "http://127.0.0.1:9")  # nobody listens there
    for name in ("horse2zebra", "maps"):
        fill(tmp_path / "unpaired" / name / "trainA", 2)
        fill(tmp_path / "unpaired" / name / "trainB", 3, 10)
    fill(tmp_path / "paired" / "edges2shoes" / "train", 4, width=20)
    assert counts(opened("horse2zebra")) == counts(opened("maps")) == {"train": 5}
    shoes = opened("edges2shoes")
    assert counts(shoes) == {"train": 4}
    np.testing.assert_array_equal(shoes.train.images["b"].read(0), picture(0, width=20)[:, 10:])
    assert open_folder(tmp_path / "paired", FIELDS["single"]).train.images["b"].header(0).size == (24, 20)
