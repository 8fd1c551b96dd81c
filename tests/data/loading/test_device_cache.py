"""Batches made where the pictures lie on a device have the bytes that the host makes. Here the device is the CPU."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from advloss.core.errors import InputError
from advloss.data.loading.device_cache import DeviceCache
from advloss.data.loading.loader import Batch, Loader
from advloss.data.sources.base import Split
from advloss.data.sources.folders import open_folder
from advloss.data.sources.paths import open_paths
from tests.data.pictures import FIELDS, fill, scaled
from tests.data.sources.test_small_and_large import Corner
from tests.data.sources.test_small_and_large import pairs as small_and_large


def unpaired(folder: Path) -> Split:
    """Sides of 7 and 5 pictures of several sizes."""
    for side, count in (("a", 7), ("b", 5)):
        for number in range(count):
            fill(folder / side, [f"{number:03d}.png"], 10 * number, 24 + number, 30 - number % 3)
    return open_paths({"a": [folder / "a"], "b": [folder / "b"]}, FIELDS["unpaired"]).train


def paired(folder: Path) -> Split:
    for first, side in ((0, "a"), (20, "b")):
        for number in range(6):
            fill(folder / side, [f"{number:03d}.png"], first + number, 24 + number, 30 - number % 3)
    return open_paths({"a": [folder / "a"], "b": [folder / "b"]}, FIELDS["pairs"]).train


def single(folder: Path) -> Split:
    unpaired(folder)
    return open_folder(folder / "b", FIELDS["single"]).train


def take(split: Split, count: int, start: int = 0, **changed: Any) -> tuple[list[Batch], Loader]:
    options: dict[str, Any] = {"load": 22, "crop": 16, "batch": 3, "seed": 3, "say": lambda said: None} | changed
    loader = Loader(scaled(split, options.pop("scale", 1)), **options)
    return list(itertools.islice(loader.batches(start), count)), loader


def check_equal(split: Split, count: int = 12, **options: Any) -> Loader:
    """The batches of both ways are the same, from the first on and from one in the middle."""
    wanted, _ = take(split, count, memory="off", **options)
    made, loader = take(split, count, memory="device", **options)
    assert isinstance(loader._prepared(), DeviceCache)
    later, _ = take(split, count - 3, 3, memory="device", **options)
    for want, got in itertools.chain(zip(wanted, made, strict=True), zip(wanted[3:], later, strict=True)):
        assert list(want) == list(got)
        for side, images in want.items():
            assert got[side].dtype == torch.uint8 and torch.equal(got[side], images)
    return loader


@pytest.mark.parametrize("make", [unpaired, paired, single])
@pytest.mark.parametrize("resize", ["stretch", "shorter", "none"])
@pytest.mark.parametrize(("flip", "rotate"), [(False, False), (True, False), (True, True)])
def test_the_bytes_of_the_host(
    tmp_path: Path, make: Callable[[Path], Split], resize: str, flip: bool, rotate: bool
) -> None:
    check_equal(make(tmp_path), resize=resize, flip=flip, rotate=rotate)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("rotate", [False, True])
def test_pairs_of_a_small_and_a_large_picture(tmp_path: Path, scale: int, rotate: bool) -> None:
    split = small_and_large(tmp_path, scale, beyond=(scale - 1, 1))
    check_equal(split, scale=scale, crop=12 * scale, load=12 * scale, resize="none", rotate=rotate)


def test_each_process_makes_its_share(tmp_path: Path) -> None:
    split = paired(tmp_path)
    for rank in range(2):
        check_equal(split, 8, rank=rank, world=2)


def test_an_unreadable_picture_is_replaced_by_the_next(tmp_path: Path) -> None:
    fill(tmp_path / "a", [f"{number:03d}.png" for number in range(100)])
    fill(tmp_path / "b", [f"{number:03d}.png" for number in range(100)], 100)
    (tmp_path / "a" / "017.png").write_bytes(b"")
    data = (tmp_path / "b" / "031.png").read_bytes()
    for kind, bad in (("unpaired", "031.png"), ("pairs", "017.png")):
        (tmp_path / "b" / "031.png").write_bytes(data[: len(data) // 2] if kind == "unpaired" else data)
        split = open_paths({"a": [tmp_path / "a"], "b": [tmp_path / "b"]}, FIELDS[kind]).train  # type: ignore[arg-type]
        for resize in ("stretch", "none"):
            said: list[str] = []
            loader = check_equal(split, 70, resize=resize, say=said.append)
            assert {(skip.field, skip.index) for skip in loader.skipped} >= {("a", 17)}
            assert any(bad in sentence for sentence in said)


def test_too_many_unreadable_pictures_stop(tmp_path: Path) -> None:
    split = paired(tmp_path)
    (tmp_path / "a" / "003.png").write_bytes(b"")
    with pytest.raises(InputError, match="1 of 6 pairs can't be read, more than 1%"):
        take(split, 1, memory="device")


def test_a_crop_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png: \d+x2\d pixels.*crop of 32x32"):
        take(unpaired(tmp_path), 9, resize="none", crop=32, memory="device")


def test_where_the_pictures_are_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    take(paired(tmp_path), 1, memory="device", say=said.append)
    assert said == ["kept 12 images on cpu (0 MB)"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"augment": [{"name": "ColorJitter"}]}, "data.augment works in the host's memory"),
        ({"degradation": Corner(2), "scale": 2}, "data.degradation works in the host's memory"),
    ],
)
def test_what_is_done_on_the_host_keeps_pictures_there(tmp_path: Path, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"data.memory=device: {says}"):
        take(single(tmp_path), 1, memory="device", **options)
