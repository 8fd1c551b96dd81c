"""Batches are a function of (seed, number, process) alone, and a file that can't be read does not stop a long run."""

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.data.loading.cache import Cache, Decoded
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.loading.loader import Batch, Loader
from advloss.data.loading.scaling import to_images
from advloss.data.random_streams import random
from advloss.data.sampling.crops import resized
from advloss.data.sampling.sampler import Sampler
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import check_pairs
from advloss.data.sources.paths import open_paths
from advloss.data.sources.values import FileValues
from advloss.data.synthetic.sets import SETS
from advloss.images.reading import Picture, UnreadableImage
from advloss.images.writing import write_picture
from tests.data.pictures import FIELDS, fill, picture, two

AUGMENT = [{"name": "ColorJitter", "brightness": 0.3, "p": 0.8}, {"name": "Rotate", "limit": [-10, 10]}]


def unpaired(folder: Path, a: int = 7, b: int = 5) -> Split:
    return open_paths({"a": [fill(folder / "a", a)], "b": [fill(folder / "b", b, 100)]}, FIELDS["unpaired"]).train


def paired(folder: Path, count: int = 7) -> Split:
    return open_paths({"a": [fill(folder / "a", count)], "b": [fill(folder / "b", count)]}, FIELDS["pairs"]).train


def loader(split: Split, **changed: Any) -> Loader:
    options: dict[str, Any] = {"load": 20, "crop": 16, "batch": 2, "seed": 3, "memory": "off", "say": _quiet} | changed
    return Loader(split, **options)


def _quiet(sentence: str) -> None:
    pass


def take(loader: Loader, count: int, start: int = 0) -> list[Batch]:
    batches = loader.batches(start)
    taken = list(itertools.islice(batches, count))
    batches.close()  # type: ignore[attr-defined]
    return taken


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(x[side], y[side]) for x, y in zip(one, other, strict=True) for side in "ab"
    )


@pytest.mark.parametrize("augment", [None, AUGMENT])
@pytest.mark.parametrize("make", [unpaired, paired])
def test_memory_and_workers_change_nothing(tmp_path: Path, make: Any, augment: Any) -> None:
    split = make(tmp_path)
    kept = take(loader(split, memory="on", augment=augment), 9)
    assert kept[0]["a"].shape == (2, 3, 16, 16)
    assert kept[0]["a"].dtype == torch.uint8
    assert equal(kept, take(loader(split, augment=augment), 9))
    state = torch.get_rng_state()
    assert equal(kept, take(loader(split, workers=2, augment=augment), 9))
    assert torch.equal(state, torch.get_rng_state())  # nothing was drawn from the global generator
    assert equal(kept[5:], take(loader(split, workers=2, augment=augment), 4, start=5))
    assert equal(kept[5:], take(loader(split, augment=augment), 4, start=5))
    assert not equal(kept, take(loader(split, augment=augment, seed=4), 9))


@pytest.mark.parametrize("make", [unpaired, paired])
def test_two_processes_see_what_one_with_the_doubled_batch_sees(tmp_path: Path, make: Any) -> None:
    split = make(tmp_path)
    one = loader(split, batch=4)
    parts = [loader(split, batch=2, rank=rank, world=2) for rank in range(2)]
    assert [part.per_epoch for part in parts] == [one.per_epoch] * 2 == [1, 1]
    for whole, first, second in zip(take(one, 5), *(take(part, 5) for part in parts), strict=True):
        assert equal([whole], [{side: torch.cat([first[side], second[side]]) for side in "ab"}])


def test_an_epoch_shows_each_picture_once() -> None:
    order = Sampler((6, 4), False, 2, seed=0)
    epochs = [
        [item for number in range(3 * epoch, 3 * epoch + 3) for item in order.items(number)] for epoch in range(3)
    ]
    assert [sorted(item.indices[0] for item in epoch) for epoch in epochs] == [list(range(6))] * 3
    assert len({tuple(item.indices[0] for item in epoch) for epoch in epochs}) == 3  # shuffled anew
    assert {item.indices[1] for epoch in epochs for item in epoch} == set(range(4))
    longer_b = Sampler((2, 5), False, 1, seed=0)
    assert longer_b.per_epoch == 5
    assert sorted(longer_b.items(number)[0].indices[0] for number in range(5)) in (
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1][::-1],
    )
    assert all(
        item.indices[0] == item.indices[1]
        for number in range(9)
        for item in Sampler((5, 5), True, 2, seed=0).items(number)
    )


def test_a_batch_larger_than_the_set_wraps_round(tmp_path: Path) -> None:
    small = loader(paired(tmp_path, 3), batch=8)
    assert small.per_epoch == 1
    assert take(small, 1)[0]["a"].shape == (8, 3, 16, 16)


def test_both_of_a_pair_are_cut_alike_and_unpaired_sides_apart(tmp_path: Path) -> None:
    """In both folders lie the same pictures."""
    pairs = paired(tmp_path)
    batches = take(loader(pairs, augment=AUGMENT), 20)
    assert all(torch.equal(batch["a"], batch["b"]) for batch in batches)
    for augment in (None, AUGMENT):
        apart = take(loader(two(pairs.images["a"], pairs.images["a"], False), augment=augment), 20)
        assert not any(torch.equal(batch["a"], batch["b"]) for batch in apart)


def test_crops_and_flips_come_from_the_resized_picture(tmp_path: Path) -> None:
    split = unpaired(tmp_path)
    seen = set()
    for number, batch in enumerate(take(loader(split, batch=1), 60)):
        item = Sampler((7, 5), False, 1, 3).items(number)[0]
        whole = resized(picture(item.indices[0]), "stretch", 20)
        places = [
            (top, left, mirrored)
            for top in range(5)
            for left in range(5)
            for mirrored in (False, True)
            if (batch["a"][0].numpy().transpose(1, 2, 0) == _cut(whole, top, left, mirrored)).all()
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == set(range(5))
    assert {mirrored for _, _, mirrored in seen} == {False, True}


def _cut(whole: np.ndarray, top: int, left: int, mirrored: bool) -> np.ndarray:
    part = whole[top : top + 16, left : left + 16]
    return part[:, ::-1] if mirrored else part


def test_streams_of_random_numbers_differ() -> None:
    draws = [
        random(stream, 0, epoch, position).random() for stream in (1, 2) for epoch in (0, 1) for position in (0, 1)
    ]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("resize", ["shorter", "none"])
def test_pictures_of_several_sizes(tmp_path: Path, resize: str) -> None:
    fill(tmp_path / "a", ["1.png", "2.png"], 0, 20, 40)
    fill(tmp_path / "a", ["3.png"], 5, 36, 18)
    fill(tmp_path / "b", 3)
    split = open_paths({"a": [tmp_path / "a"], "b": [tmp_path / "b"]}, FIELDS["unpaired"]).train
    assert equal(
        take(loader(split, resize=resize, memory="on"), 6),
        take(loader(split, resize=resize, memory="off", workers=1), 6),
    )


def test_too_small_for_the_crop(tmp_path: Path) -> None:
    split = unpaired(tmp_path)
    for workers in (0, 1):
        with pytest.raises(
            InputError, match=r"\.png: 24x24 pixels.*crop of 32x32; lower data\.crop.*data\.load.*data\.resize"
        ):
            take(loader(split, resize="none", crop=32, workers=workers), 1)
    with pytest.raises(InputError, match=r"data\.load is 20, smaller than data\.crop, 32"):
        loader(split, crop=32)
    with pytest.raises(InputError, match=r"data\.resize is 'squash'"):
        loader(split, resize="squash")


def test_pairs_of_unequal_size(tmp_path: Path) -> None:
    fill(tmp_path / "a", 2)
    fill(tmp_path / "b", 2, height=30)
    split = open_paths({"a": [tmp_path / "a"], "b": [tmp_path / "b"]}, FIELDS["pairs"]).train
    with pytest.raises(InputError, match=r"000\.png|001\.png.*are a pair, but .* data\.resize=stretch"):
        take(loader(split, resize="none"), 1)
    assert take(loader(split), 1)


def test_pairs_are_compared_by_their_headers(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", 4), fill(tmp_path / "b", 4)
    (a / "000.png").write_bytes(b"")  # no size: skipped
    fill(b, ["001.png"], height=48, width=48)  # of one size after the resize alone
    fill(b, ["002.png"], height=30)
    split = open_paths({"a": [a], "b": [b]}, FIELDS["pairs"]).train
    with pytest.raises(InputError, match=r"a/002\.png and .*b/002\.png are a pair, but 20x20 and 20x25 pixels"):
        check_pairs(split, "shorter", 20)
    with pytest.raises(InputError, match=r"001\.png are a pair, but 24x24 and 48x48 pixels.*data\.resize=stretch"):
        check_pairs(split, "none", 20)
    check_pairs(split, "stretch", 20)
    check_pairs(open_paths({"a": [a], "b": [b]}, FIELDS["unpaired"]).train, "none", 20)


def _spoilt(folder: Path, count: int, bad: list[int]) -> Path:
    """One small JPEG linked so many times, and some cut in the middle."""
    folder.mkdir()
    Image.fromarray(picture(0)).save(folder / "whole.jpg")
    data = (folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    for number in range(count):
        body = data[: len(data) * 2 // 3] if number in bad else data
        (folder / f"{number:04d}.jpg").write_bytes(body)
    return folder


@pytest.mark.parametrize("how", [{"memory": "on"}, {"memory": "off"}, {"workers": 2}])
def test_a_corrupt_file_in_the_middle_of_an_epoch(tmp_path: Path, how: dict[str, Any]) -> None:
    a, b = _spoilt(tmp_path / "a", 150, [17, 18]), fill(tmp_path / "b", 150)
    said: list[str] = []
    made = loader(open_paths({"a": [a], "b": [b]}, FIELDS["unpaired"]).train, batch=10, say=said.append, **how)
    batches = take(made, 2 * made.per_epoch)
    assert len(batches) == 30
    assert sorted((skip.field, skip.index) for skip in made.skipped) == [("a", 17), ("a", 18)]
    skipped = [sentence for sentence in said if "skipped" in sentence]
    assert len(skipped) == 2  # once for each file, not for each epoch
    assert all("001" in sentence and "truncated" in sentence for sentence in skipped)
    assert equal(batches, take(loader(made.split, batch=10), 30))


@pytest.mark.parametrize("how", [{"memory": "on"}, {"memory": "off"}, {"workers": 2}])
def test_more_than_one_percent_corrupt_stops(tmp_path: Path, how: dict[str, Any]) -> None:
    a, b = _spoilt(tmp_path / "a", 60, [3, 4, 5]), fill(tmp_path / "b", 60)
    with pytest.raises(
        InputError, match=r"(?s)[23] of 120 pictures can't be read, more than 1%.*data check.*000[345]\.jpg"
    ):
        take(loader(open_paths({"a": [a], "b": [b]}, FIELDS["unpaired"]).train, **how), 60)


def test_a_pair_with_a_corrupt_half_is_replaced_whole(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", [f"{i:04d}.png" for i in range(100)]), _spoilt(tmp_path / "b", 100, [50])
    made = loader(open_paths({"a": [a], "b": [b]}, FIELDS["pairs"]).train, batch=1, flip=False, load=16)
    shown = [batch["a"][0].numpy().transpose(1, 2, 0) for batch in take(made, 100)]
    names = sorted(
        next(i for i in range(100) if (resized(picture(i), "stretch", 16) == image).all()) for image in shown
    )
    assert names == sorted([*(i for i in range(100) if i != 50), 51])
    assert len(made.skipped) == 1


def test_modes_mixed_in_one_folder(tmp_path: Path) -> None:
    a = tmp_path / "a"
    a.mkdir()
    colour = picture(0)
    write_picture(a / "16.png", Picture(colour.astype(np.uint16) * 257))
    write_picture(a / "16grey.png", Picture(colour[..., :1].astype(np.uint16) * 257))
    write_picture(a / "8.png", Picture(colour))
    write_picture(a / "grey.png", Picture(colour[..., :1]))
    write_picture(a / "rgba.png", Picture(colour, np.full((24, 24), 255, np.uint8)))
    Image.fromarray(colour).quantize(64).save(a / "palette.png")
    split = two(FileValues(sorted(a.iterdir())), FileValues(sorted(a.iterdir())), True)
    batch = take(loader(split, batch=6, load=24, crop=24, resize="none", flip=False, memory="on"), 1)[0]["a"]
    order = [item.indices[0] for item in Sampler((6, 6), True, 6, 3).items(0)]
    by_name = {
        split.images["a"].name(index): batch[place].numpy().transpose(1, 2, 0) for place, index in enumerate(order)
    }
    for name in ("16.png", "8.png", "rgba.png"):
        np.testing.assert_array_equal(by_name[name], colour)
    for name in ("16grey.png", "grey.png"):
        np.testing.assert_array_equal(by_name[name], np.repeat(colour[..., :1], 3, axis=2))


def test_kept_in_memory_when_it_fits_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    made = loader(unpaired(tmp_path), memory="auto", say=said.append)
    take(made, 1)
    assert said == ["kept 12 images in memory (0 MB)"]
    assert made.place == "on" and isinstance(made._prepared().samples.pictures["a"], Cache)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 2 * 12 * 3 * 20 * 20 - 1})())
    tight = loader(made.split, memory="auto", say=said.append)
    take(tight, 1)
    assert said[1:] == ["12 images are decoded each time: to keep them takes 0 MB of memory"]
    assert tight.place == "off" and isinstance(tight._prepared().samples.pictures["a"], Decoded)


def test_range_of_images() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    images = to_images(levels)
    assert (images[0], images[-1], images.dtype) == (-1, 1, torch.float32)
    assert torch.equal(((images + 1) * 127.5).round().to(torch.uint8), levels)


@pytest.mark.parametrize(
    ("augment", "says"),
    [
        ([{"name": "ColorJiter"}], "unknown transform 'ColorJiter'; did you mean 'ColorJitter'"),
        (
            [{"name": "ColorJitter", "brigtness": 0.2}],
            "ColorJitter: unknown parameter 'brigtness'; did you mean 'brightness'",
        ),
        ([{"name": "ColorJitter", "brightness": -3}], "ColorJitter: .*must be non negative"),
        ([{"p": 0.2}], "has no name; say which"),
        ([{"name": "Resize", "height": 9, "width": 9}], "Resize changes a picture of .*must keep type and size"),
        ([{"name": "Normalize"}], "Normalize changes a picture of .*float32"),
    ],
)
def test_wrong_augmentation(tmp_path: Path, augment: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"data\\.augment.*{says}"):
        loader(unpaired(tmp_path), augment=augment)


def test_evaluation_items_are_in_order_and_the_same_every_time(tmp_path: Path) -> None:
    split = unpaired(tmp_path)
    items = list(evaluation_items(split, 16, resize="stretch", say=_quiet))
    assert len(items) == 5  # to the end of the shorter side
    for number, item in enumerate(items):
        assert item.fields["a"].shape == (1, 3, 16, 16)
        np.testing.assert_array_equal(
            item.fields["a"][0].numpy().transpose(1, 2, 0), resized(picture(number), "stretch", 16)
        )
    again = list(evaluation_items(split, 16, resize="stretch", say=_quiet))
    assert torch.equal(items[1].fields["b"], again[1].fields["b"])
    middle = next(evaluation_items(split, 16, resize="none", say=_quiet))
    np.testing.assert_array_equal(middle.fields["a"][0].numpy().transpose(1, 2, 0), picture(0)[4:20, 4:20])
    (tmp_path / "a" / "001.png").write_bytes(b"")
    said: list[str] = []
    left = list(evaluation_items(split, 16, resize="stretch", say=said.append))
    assert all(
        torch.equal(one.fields["a"], other.fields["a"]) for one, other in zip(left, [items[0], *items[2:]], strict=True)
    )
    assert "001.png: the file is empty" in said[0]


def test_what_goes_to_worker_processes_can_be_pickled(tmp_path: Path) -> None:
    """Newer Pythons start them afresh instead of forking."""
    made = loader(unpaired(tmp_path), augment=AUGMENT, say=lambda sentence: None)
    there = pickle.loads(pickle.dumps(made._prepared()))
    np.testing.assert_array_equal(there.batch(3)[0]["a"], made._prepared().batch(3)[0]["a"])
    error = pickle.loads(pickle.dumps(UnreadableImage("x.png", "truncated")))
    assert (str(error), error.why) == ("x.png: truncated", "truncated")


def test_worker_processes_end_with_the_iterator(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    batches = loader(unpaired(tmp_path), workers=2).batches()
    next(batches)
    started = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert len(started) >= 2
    batches.close()  # type: ignore[attr-defined]
    del batches
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive


def test_synthetic_sets_load() -> None:
    batch = take(loader(SETS["facades-like"](24, 0).splits["val"], memory="on"), 1)[0]
    assert batch["b"].shape == (2, 3, 16, 16)
