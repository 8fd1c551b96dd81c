"""Small and large pictures: pairs with a scale, cut to the pixel, and small ones that are made in the workers."""

import itertools
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.data.check import check
from advloss.data.degradations.base import Degradation
from advloss.data.loading.evaluation_items import EvaluationItem, evaluation_items
from advloss.data.loading.loader import Batch, Loader
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sources.base import DataSet, Split
from advloss.data.sources.folders import open_folder
from advloss.data.sources.pair_checks import check_pairs
from advloss.data.sources.paths import open_paths
from advloss.data.sources.values import FileValues
from advloss.data.synthetic.sets import SETS
from tests.data.pictures import FIELDS, fill, picture, scaled, two


class Corner(Degradation):
    """The top left pixel of every square, a random number added."""

    in_workers = True

    def __call__(self, large: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        raise NotImplementedError

    def small(self, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        assert large.dtype == np.uint8
        assert large.flags.c_contiguous
        return large[:: self.scale, :: self.scale] + rng.integers(256, dtype=np.uint8)


class OnTheDevice(Corner):
    in_workers = False


def pairs(folder: Path, scale: int, count: int = 6, beyond: tuple[int, int] = (0, 0)) -> Split:
    """Large pictures of several sizes, and their small ones: the top left pixel of every square."""
    for side in ("small", "large"):
        (folder / side).mkdir(parents=True)
    for number in range(count):
        height, width = 20 + number % 3, 24 - number % 2
        large = picture(number, scale * height + beyond[0], scale * width + beyond[1])
        Image.fromarray(large).save(folder / "large" / f"{number:04d}.png")
        small = large[: scale * height : scale, : scale * width : scale]
        Image.fromarray(small).save(folder / "small" / f"{number:04d}x{scale}.png")
    return open_paths({"a": [folder / "small"], "b": [folder / "large"]}, FIELDS["single"]).train


def take(split: Split, count: int, start: int = 0, **changed: Any) -> list[Batch]:
    options: dict[str, Any] = {"load": 48, "crop": 48, "batch": 2, "seed": 3, "memory": "off", "resize": "none"}
    options |= {"say": lambda sentence: None} | changed
    loader = Loader(scaled(split, options.pop("scale", 1)), **options)
    batches = loader.batches(start)
    taken = list(itertools.islice(batches, count))
    batches.close()  # type: ignore[attr-defined]
    return taken


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        x.keys() == y.keys() and all(torch.equal(x[side], y[side]) for side in x)
        for x, y in zip(one, other, strict=True)
    )


def test_partners_have_one_name_or_the_scale_in_it(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "deep", ["1.png", "2x4.png", "3x8.png", "x5.png", "7.png"])
    fill(tmp_path / "b" / "deep", ["1.jpg", "2.png", "3x8.png", "3.png", "x5.png", "8.png"])
    data = open_paths({"a": [tmp_path / "a"], "b": [tmp_path / "b"]}, FIELDS["single"])
    assert data.train.images["a"] is not None
    assert data.train.paired
    named = [
        (data.train.images["a"].name(i), data.train.images["b"].name(i)) for i in range(len(data.train.images["a"]))
    ]
    assert named == [("1.png", "1.jpg"), ("2x4.png", "2.png"), ("3x8.png", "3x8.png"), ("x5.png", "x5.png")]
    assert sorted(path.name for path in data.alone["train"]) == ["3.png", "7.png", "8.png"]
    with pytest.raises(InputError, match=r"share a name .*0001x4\.png and 0001\.png"):
        open_paths({"a": [fill(tmp_path / "c", ["q.png"])], "b": [tmp_path / "b"]}, FIELDS["single"])
    with pytest.raises(InputError, match="have one name"):
        open_paths(
            {"a": [fill(tmp_path / "d", ["1x2.png", "1x4.png"])], "b": [fill(tmp_path / "e", ["1.png"])]},
            FIELDS["single"],
        )
    with pytest.raises(InputError, match="share a name"):  # other methods go by the whole name
        open_paths({"a": [tmp_path / "d"], "b": [tmp_path / "e"]}, FIELDS["pairs"])


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("rotate", [False, True])
def test_crops_of_pairs_lie_on_each_other_to_the_pixel(tmp_path: Path, scale: int, rotate: bool) -> None:
    """The small picture is the corners of the large one's squares, so every crop's is, turned with it."""
    split = pairs(tmp_path, scale, beyond=(scale - 1, 1))
    crop = 12 * scale
    batches = take(split, 40, scale=scale, crop=crop, load=crop, rotate=rotate)
    seen = set()
    for batch in batches:
        assert (batch["a"].shape, batch["b"].shape) == ((2, 3, 12, 12), (2, 3, crop, crop))
        for a, b in zip(batch["a"], batch["b"], strict=True):
            corners = [
                corner
                for corner in itertools.product((0, scale - 1), repeat=2)
                if torch.equal(a, b[:, corner[0] :: scale, corner[1] :: scale])
            ]
            assert len(corners) == 1
            seen.add(corners[0])
    assert len(seen) == (4 if rotate else 2)  # where the top left corner has gone
    changed = {"scale": scale, "crop": crop, "load": crop, "rotate": rotate}
    assert equal(batches[:5], take(split, 5, memory="on", **changed))
    assert equal(batches[2:5], take(split, 3, 2, workers=2, **changed))


def test_crops_reach_every_border_of_the_small_picture(tmp_path: Path) -> None:
    sources = pairs(tmp_path, 2, count=2, beyond=(1, 0)).images.values()
    split = two(*(FileValues([tmp_path / str(source.path(0))]) for source in sources), True)
    small = split.images["a"].read(0)  # 20 x 24
    places = set()
    for batch in take(split, 150, scale=2, crop=32, load=32, flip=False, batch=1):
        a = batch["a"][0].numpy().transpose(1, 2, 0)
        places |= {
            (top, left)
            for top, left in itertools.product(range(5), range(9))
            if (small[top : top + 16, left : left + 16] == a).all()
        }
    assert {top for top, _ in places} == set(range(5))
    assert {left for _, left in places} == set(range(9))


def test_sizes_that_are_not_of_the_scale(tmp_path: Path) -> None:
    split = pairs(tmp_path, 4, beyond=(3, 2))
    check_pairs(scaled(split, 4), "none", 48)
    assert not any("1 : 4" in line for line in check(_set(scaled(split, 4))).problems)
    with pytest.raises(InputError, match=r"data\.resize is 'stretch'.*4 times.*data\.resize=none"):
        check_pairs(scaled(split, 4), "stretch", 48)
    with pytest.raises(InputError, match=r"data\.resize is 'shorter'"):
        take(split, 1, scale=4, resize="shorter")
    assert split.images["a"] is not None
    for height, width in ((84, 95), (79, 96), (96, 80)):
        Image.fromarray(picture(0, height, width)).save(tmp_path / "large" / "0000.png")  # small: 20 x 24
        says = rf"0000x4\.png and .*0000\.png are a pair, but 24x20 and {width}x{height} pixels; .* 4 times"
        split, said = two(*(FileValues(values.paths) for values in split.images.values()), True), []
        with pytest.raises(InputError, match=says):
            check_pairs(scaled(split, 4), "none", 48)
        with pytest.raises(InputError, match=says):
            take(split, 3, scale=4)
        assert len(list(evaluation_items(scaled(split, 4), None, resize="none", say=said.append))) == len(split) - 1
        assert len(said) == 1 and re.search(says, said[0])
        assert "train: 1 pairs are not of sizes 1 : 4: " in "\n".join(check(_set(scaled(split, 4))).problems)
    (tmp_path / "large" / "0000.png").write_bytes(b"")
    check_pairs(scaled(two(*(FileValues(values.paths) for values in split.images.values()), True), 4), "none", 48)


def _set(split: Split) -> DataSet:
    return DataSet("pairs", {"train": split})


def test_crops_that_do_not_fit(tmp_path: Path) -> None:
    split = pairs(tmp_path, 4)
    with pytest.raises(InputError, match=r"data\.crop: 50 pixels are no multiple of the scale, 4"):
        take(split, 1, scale=4, crop=50, load=50)
    with pytest.raises(InputError, match=r"large/.*\.png: \d+x8\d pixels.*crop of 96x96"):
        take(split, 6, scale=4, crop=96, load=96)
    with pytest.raises(InputError, match=r"data\.augment can't treat a small and a large picture alike"):
        take(split, 1, scale=4, augment=[{"name": "ColorJitter"}])


@pytest.mark.parametrize("augment", [None, [{"name": "ColorJitter", "brightness": 0.3, "p": 1.0}]])
def test_small_pictures_are_made_in_the_workers(tmp_path: Path, augment: Any) -> None:
    split = open_folder(fill(tmp_path, 6, height=50, width=60), FIELDS["single"]).train
    options = {"scale": 4, "degradation": Corner(4), "rotate": True, "augment": augment}
    batches = take(split, 7, **options)
    loader = Loader(split, load=48, crop=48, batch=2, seed=3, resize="none")
    for number, batch in enumerate(batches):
        assert (batch["a"].shape, batch["b"].shape) == ((2, 3, 12, 12), (2, 3, 48, 48))
        for a, b, rng in zip(batch["a"], batch["b"], loader.rngs(number), strict=True):
            added = int(rng.integers(256, dtype=np.uint8))
            assert torch.equal(a, b[:, ::4, ::4] + added)  # of what has been mirrored, turned and augmented
    without = take(split, 7, rotate=True, augment=augment)
    assert all(torch.equal(x["b"], y["b"]) for x, y in zip(batches, without, strict=True))
    for how in ({"memory": "on"}, {"workers": 2}, {"workers": 2, "memory": "on"}):
        assert equal(batches[2:], take(split, 5, 2, **options, **how))
    parts = [take(split, 3, batch=1, rank=rank, world=2, **options) for rank in range(2)]
    joined = [{side: torch.cat([x[side], y[side]]) for side in "ba"} for x, y in zip(*parts, strict=True)]
    assert equal(batches[:3], joined)


def test_what_works_on_the_device_is_left_to_it(tmp_path: Path) -> None:
    split = open_folder(fill(tmp_path, 6, height=50, width=60), FIELDS["single"]).train
    assert list(take(split, 1, scale=4, degradation=OnTheDevice(4))[0]) == ["b"]
    with_small = pairs(tmp_path / "pairs", 4)
    assert equal(take(with_small, 3, scale=4), take(with_small, 3, scale=4, degradation=Corner(4)))  # these are used
    loader = Loader(scaled(split, 4), load=48, crop=48, batch=2, seed=3, degradation=Corner(4), say=lambda said: None)
    there = pickle.loads(pickle.dumps(loader._prepared()))
    np.testing.assert_array_equal(there.batch(3)[0]["a"], loader._prepared().batch(3)[0]["a"])


def test_each_sample_has_its_generator(tmp_path: Path) -> None:
    split = open_folder(fill(tmp_path, 6), FIELDS["single"]).train
    loaders = [
        Loader(split, load=16, crop=16, batch=batch, seed=3, rank=rank, world=world)
        for batch, rank, world in ((2, 0, 1), (1, 0, 2), (1, 1, 2))
    ]
    drawn = [[[rng.random() for rng in loader.rngs(number)] for number in range(6)] for loader in loaders]
    assert drawn[0] == [first + second for first, second in zip(*drawn[1:], strict=True)]
    assert len({number for batch in drawn[0] for number in batch}) == 12
    assert drawn[0][4] == [random(DEGRADE, 3, 1, position).random() for position in (2, 3)]


def items(split: Split, size: int | None, **options: Any) -> list[EvaluationItem]:
    options = {"resize": "none", "say": lambda said: None} | options
    return list(evaluation_items(scaled(split, options.pop("scale", 1)), size, **options))


def test_whole_pictures_to_evaluate(tmp_path: Path) -> None:
    folder = fill(tmp_path / "large", ["1.png"], 1, 30, 41)
    fill(folder, ["2.png"], 2, 3, 50)
    fill(folder, ["3.png"], 3, 32, 44)
    split = open_folder(folder, FIELDS["single"]).train
    said: list[str] = []
    found = items(split, None, resize="stretch", scale=4, say=said.append)
    assert [(item.index, item.fields.get("a"), tuple(item.fields["b"].shape)) for item in found] == [
        (0, None, (1, 3, 28, 40)),
        (2, None, (1, 3, 32, 44)),
    ]
    np.testing.assert_array_equal(found[0].fields["b"][0].numpy().transpose(1, 2, 0), picture(1, 30, 41)[:28, :40])
    assert len(said) == 1
    assert "2.png: too small to be made 4 times smaller" in said[0]
    assert [tuple(item.fields["b"].shape) for item in items(split, None)] == [
        (1, 3, 30, 41),
        (1, 3, 3, 50),
        (1, 3, 32, 44),
    ]
    both = two(split.images["b"], split.images["b"], False)
    assert all(torch.equal(item.fields["a"], item.fields["b"]) for item in items(both, None))


def test_parts_of_single_pictures_to_evaluate(tmp_path: Path) -> None:
    split = open_folder(fill(tmp_path, 2), FIELDS["single"]).train
    (first, second) = items(split, 16)
    assert ("a" in first.fields, second.index) == (False, 1)
    np.testing.assert_array_equal(second.fields["b"][0].numpy().transpose(1, 2, 0), picture(1)[4:20, 4:20])
    said: list[str] = []
    assert items(split, 32, say=said.append) == []
    assert len(said) == 2 and "smaller than the crop of 32x32" in said[0]


@pytest.mark.parametrize("size", [None, 24, 36])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pairs_to_evaluate_lie_on_each_other(tmp_path: Path, scale: int, size: int | None) -> None:
    split = pairs(tmp_path, scale, beyond=(1, scale - 1))
    found = items(split, size, scale=scale)
    assert [item.index for item in found] == list(range(6))
    for item in found:
        assert item.fields["a"] is not None
        assert torch.equal(item.fields["a"], item.fields["b"][:, :, ::scale, ::scale])
        height, width = 20 + item.index % 3, 24 - item.index % 2
        wanted = (height, width) if size is None else (size // scale, size // scale)
        assert item.fields["a"].shape[2:] == wanted
        assert item.fields["b"].shape[2:] == tuple(scale * side for side in wanted)


def test_whole_pairs_without_a_scale_are_of_one_size(tmp_path: Path) -> None:
    split = SETS["facades-like"](24, 0).splits["val"]
    assert len(items(split, None)) == 32
    bad = two(FileValues(sorted(fill(tmp_path / "a", 1).iterdir())), split.images["b"], True)
    (tmp_path / "a" / "000.png").unlink()
    fill(tmp_path / "a", 1, height=25)
    said: list[str] = []
    assert items(bad, None, say=said.append) == []
    assert "are a pair, but 24x25 and 24x24 pixels" in said[0]
