"""Batches of any fields: every number of channels and depth, labels, vectors, noise, masks, more than two sources."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector
from advloss.data.formats import FieldFormat
from advloss.data.found_formats import found_formats
from advloss.data.loading.derived import Derived
from advloss.data.loading.device_cache import DeviceCache
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.loading.loader import Batch, Loader
from advloss.data.loading.scaling import scaled, to_images
from advloss.data.sampling.sampler import Sampler
from advloss.data.sources.base import Split, split_of
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import FileValues
from advloss.images.picture import DTYPES, Depth, Picture
from advloss.images.writing import write_picture
from tests.data.pictures import fill
from tests.images.test_formats import CHANNELS, DEPTHS, array

PAIR: Fields = {"a": Image("pairs"), "b": Image("pairs")}


def nothing_said(option: str, name: str) -> None:
    return None


def files(folder: Path, channels: int, depth: Depth, count: int = 4) -> FileValues:
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.roll(array(channels, depth, 24, 22 + number), number)
        write_picture(folder / f"{number}.tif", Picture(pixels))
    return FileValues(sorted(folder.iterdir()))


def take(split: Split, count: int, start: int = 0, **changed: Any) -> list[Batch]:
    options: dict[str, Any] = {"load": 20, "crop": 16, "batch": 2, "seed": 3, "memory": "off", "resize": "shorter"}
    loader = Loader(split, **(options | {"say": lambda said: None} | changed))
    return list(itertools.islice(loader.batches(start), count))


def equal(some: list[Batch], others: list[Batch]) -> bool:
    return all(
        one.keys() == other.keys() and all(one[name].dtype == other[name].dtype for name in one)
        and all(torch.equal(one[name].double(), other[name].double()) for name in one)
        for one, other in zip(some, others, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("resize", ["shorter", "none"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_pictures_stay_as_they_are_wherever_they_lie(tmp_path: Path, channels: int, depth: Depth, resize: str) -> None:
    split = split_of(PAIR, {"a": files(tmp_path / "a", channels, depth), "b": files(tmp_path / "b", 1, 8)}, True)
    how: dict[str, Any] = {"formats": found_formats(split, nothing_said), "rotate": True, "resize": resize}
    off = take(split, 5, **how)
    assert off[0]["a"].shape == (2, channels, 16, 16) and off[0]["b"].shape == (2, 1, 16, 16)
    assert off[0]["a"].numpy().dtype == DTYPES[depth]
    assert equal(off, take(split, 5, **how, memory="on"))
    assert equal(off, take(split, 5, **how, memory="device"))
    if resize == "none":
        whole = split.images["a"].read(0, how["formats"]["a"])
        values = set(whole[..., 0].ravel().tolist())
        numbers = Sampler((4,), True, 2, 3)
        row = next(r for n in range(5) for r, item in enumerate(numbers.items(n)) if item.indices == (0,))
        batch = next(n for n in range(5) if any(item.indices == (0,) for item in numbers.items(n)))
        assert set(off[batch]["a"][row, 0].flatten().tolist()) <= values


@pytest.mark.parametrize(
    ("values", "form", "wanted"),
    [
        (np.array([0, 255], np.uint8), FieldFormat(), [-1, 1]),
        (np.array([0, 65535], np.uint16), FieldFormat(depth=16, range=(0, 65535)), [-1, 1]),
        (np.array([-3, 0, 5], np.float32), FieldFormat(depth="float", range=(-3, 5)), [-1, -0.25, 1]),
        (np.array([0, 0.5, 1], np.float32), FieldFormat(depth="float", range=(0, 1)), [-1, 0, 1]),
    ],
)
def test_the_range_becomes_minus_one_to_one(values: np.ndarray, form: FieldFormat, wanted: list[float]) -> None:
    before = values.copy()
    made = to_images(torch.from_numpy(values), form)
    assert made.tolist() == wanted and made.dtype == torch.float32
    assert (values == before).all()


def test_every_level_comes_back() -> None:
    for depth, form in ((8, FieldFormat()), (16, FieldFormat(depth=16, range=(0, 65535)))):
        levels = torch.arange(2**depth)
        back = ((to_images(levels, form) + 1) * ((2**depth - 1) / 2)).round().long()
        assert torch.equal(back, levels)


def test_masks_are_zero_and_one() -> None:
    made = scaled(torch.tensor([0, 127, 128, 255], dtype=torch.uint8), Mask("x"), FieldFormat(1))
    assert made.tolist() == [0, 0, 1, 1] and made.dtype == torch.float32


EVERYTHING: Fields = {
    "image": Image("images"),
    "label": Label("images"),
    "mask": Mask("images"),
    "vector": Vector("rows"),
    "noise": Noise(size=5),
    "more": Noise(size=3),
}


def everything(folder: Path, masks: bool = False, count: int = 7) -> Split:
    images = FileValues(sorted(fill(folder / "images", count).iterdir()))
    rows = {"label": Rows(np.arange(count), tuple(map(str, range(count)))),
            "vector": Rows(np.arange(10, dtype=np.float32).reshape(5, 2))}  # fmt: skip
    pictures: dict[str, Any] = {"image": images}
    if masks:
        pictures["mask"] = FileValues(images.paths)
    return split_of(EVERYTHING, pictures, False, rows)


@pytest.mark.parametrize("masks", [False, True])
def test_all_kinds_of_fields_are_functions_of_seed_epoch_and_position(tmp_path: Path, masks: bool) -> None:
    split = everything(tmp_path, masks)
    whole = take(split, 9)
    shapes = {name: tuple(values.shape) for name, values in whole[0].items()}
    assert shapes == {"image": (2, 3, 16, 16), "label": (2,), "mask": (2, 1, 16, 16),
                      "vector": (2, 2), "noise": (2, 5), "more": (2, 3)}  # fmt: skip
    assert whole[0]["label"].dtype == torch.int64 and whole[0]["noise"].dtype == torch.float32
    for how in ({"memory": "on"}, {"memory": "device"}, {"workers": 2}):
        assert equal(whole, take(split, 9, **how)) and equal(whole[4:], take(split, 5, 4, **how))
    parts = [take(split, 9, batch=1, rank=rank, world=2) for rank in range(2)]
    for both, one, other in zip(whole, *parts, strict=True):
        assert equal([both], [{name: torch.cat([one[name], other[name]]) for name in one}])
    noise = torch.cat([batch["noise"] for batch in whole])
    assert len(noise.unique(dim=0)) == len(noise)
    assert not torch.equal(whole[0]["noise"][:, :3], whole[0]["more"])
    assert not torch.equal(whole[0]["noise"], take(split, 1, seed=4)[0]["noise"])
    assert 0.7 < float(noise.std()) < 1.3 and abs(float(noise.mean())) < 0.4


def test_a_label_is_that_of_the_picture_that_is_shown(tmp_path: Path) -> None:
    split = everything(tmp_path, count=150)
    images = {values.tobytes(): n for n, values in enumerate(split.images["image"].read(i) for i in range(150))}
    split.images["image"].paths[17].write_bytes(b"")  # type: ignore[attr-defined]
    shown = set()
    for batch in take(split, 74, resize="none", crop=24, load=24, flip=False):
        for image, label in zip(batch["image"], batch["label"], strict=True):
            assert images[image.permute(1, 2, 0).contiguous().numpy().tobytes()] == label
            shown.add(int(label))
    assert 17 not in shown and len(shown) > 140


def test_masks_that_are_drawn_have_holes_and_rest(tmp_path: Path) -> None:
    masks = [Derived(everything(tmp_path), 1).sample([0, 0], 0, n, (32, 32))["mask"] for n in range(200)]
    assert {mask.shape for mask in masks} == {(1, 32, 32)} and set(np.unique(np.stack(masks))) == {0, 255}
    parts = np.array([(mask > 0).mean() for mask in masks])
    assert 0.2 < parts.mean() < 0.7 and (parts < 1).all() and (parts > 0).all() and parts.std() > 0.1


def test_a_mask_is_as_large_as_a_whole_picture(tmp_path: Path) -> None:
    fields: Fields = {"image": Image("x"), "mask": Mask("x")}
    split = split_of(fields, {"image": FileValues([*fill(tmp_path, 2, height=20, width=33).iterdir()])}, False)
    for item in evaluation_items(split, None, resize="none", say=print):
        assert item.fields["mask"].shape == (1, 1, 20, 33)
        assert set(item.fields["mask"].unique().tolist()) == {0, 255}


def test_what_is_looked_at_keeps_its_noise(tmp_path: Path) -> None:
    split = everything(tmp_path)
    one, other = (list(evaluation_items(split, 16, resize="stretch", say=print, seed=3)) for _ in range(2))
    assert len(one) == 5 and [tuple(one[0].fields[name].shape) for name in ("noise", "mask")] == [
        (1, 5),
        (1, 1, 16, 16),
    ]
    assert equal([item.fields for item in one], [item.fields for item in other])
    training = {row.tobytes() for batch in take(split, 9) for row in batch["noise"].numpy()}
    assert not any(item.fields["noise"].numpy().tobytes() in training for item in one)


def test_sources_beyond_the_second_have_numbers_of_their_own() -> None:
    three, two = Sampler((9, 5, 7), False, 3, 1), Sampler((9, 5), False, 3, 1)
    assert [[item.indices[:2] for item in three.items(n)] for n in range(6)] == [
        [item.indices for item in two.items(n)] for n in range(6)
    ]
    drawn = [item.indices for n in range(60) for item in three.items(n)]
    assert {index for *_, index in drawn} == set(range(7))
    assert sum(b % 5 == c % 5 for _, b, c in drawn) < 0.6 * len(drawn)


def test_three_sources_are_cut_apart(tmp_path: Path) -> None:
    fields: Fields = {name: Image(name) for name in "abc"}
    same = FileValues(sorted(fill(tmp_path, 1).iterdir()) * 2)
    batches = take(split_of(fields, dict.fromkeys("abc", same), False), 20)
    for one, other in itertools.combinations("abc", 2):
        assert not all(torch.equal(batch[one], batch[other]) for batch in batches)
    together = take(split_of(fields, dict.fromkeys("abc", same), True), 20)
    assert all(torch.equal(batch["a"], batch["c"]) for batch in together)


@pytest.mark.parametrize("memory", ["off", "device"])
def test_the_crop_follows_its_schedule(tmp_path: Path, memory: str) -> None:
    split = split_of({"b": Image("x")}, {"b": FileValues(sorted(fill(tmp_path, 4).iterdir()))}, False)
    how: dict[str, Any] = {"crop": Schedule.steps({0: 9, 2: 14, 3: 19}), "per_iteration": 2, "multiple": 4}
    whole = take(split, 10, memory=memory, **how)
    assert [batch["b"].shape[-1] for batch in whole] == [8, 8, 8, 8, 12, 12, 16, 16, 16, 16]
    assert equal(whole[5:], take(split, 5, 5, memory=memory, **how))
    steady = take(split, 1, crop=16)
    assert not equal(steady, whole[:1])
    grown = take(split, 1, crop=Schedule(16, 20, over=100))
    assert equal(steady, grown)
    with pytest.raises(InputError, match=r"data\.load is 20, smaller than data\.crop, 24"):
        take(split, 1, crop=Schedule.steps({0: 8, 5: 24}))


def test_albumentations_sees_8_bit_colour(tmp_path: Path) -> None:
    split = split_of(PAIR, {"a": files(tmp_path / "a", 1, 16), "b": files(tmp_path / "b", 3, 8)}, True)
    with pytest.raises(InputError, match=r"data\.augment: 'a' has 1 channels of depth 16"):
        take(split, 1, formats=found_formats(split, nothing_said), augment=[{"name": "ColorJitter"}])


def test_augmentation_moves_a_mask_as_its_picture(tmp_path: Path) -> None:
    split = everything(tmp_path, masks=True)
    flips = [{"name": "Rotate", "limit": [90, 90], "p": 1.0}]
    plain, turned = take(split, 3, flip=False), take(split, 3, flip=False, augment=flips)
    for before, after in zip(plain, turned, strict=True):
        for name in ("image", "mask"):
            assert torch.equal(torch.rot90(before[name], 1, (2, 3)), after[name])


def test_the_device_cache_is_used(tmp_path: Path) -> None:
    split = everything(tmp_path)
    loader = Loader(split, load=20, crop=16, batch=2, seed=3, memory="device", say=lambda said: None)
    assert isinstance(loader._prepared(), DeviceCache)
