"""Data on a device: cut there without waiting for it, or prefetched while it works; always the host's bytes."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from advloss.data.degradations.base import Degradation
from advloss.data.loading.loader import Loader
from advloss.data.loading.scaling import to_images
from advloss.data.sources.base import Split
from advloss.data.sources.paths import open_paths
from advloss.recipe.build import Built
from advloss.training.data_wait import DataWait
from advloss.training.device_batches import DeviceBatches
from advloss.training.fast.step import FastStep
from tests.cuda.waiting import no_waiting
from tests.data.pictures import FIELDS, fill, one, scaled

CPU = torch.device("cpu")


@pytest.fixture
def unpaired(tmp_path: Path) -> Split:
    fill(tmp_path / "a", 7, height=44, width=52)
    fill(tmp_path / "a", ["wide.png"], 30, 44, 90)
    fill(tmp_path / "b", 5, 10, 40, 40)
    return open_paths({"a": [tmp_path / "a"], "b": [tmp_path / "b"]}, FIELDS["unpaired"]).train


@pytest.fixture
def small_and_large(tmp_path: Path) -> Split:
    fill(tmp_path / "small", 5, 0, 20, 22)
    fill(tmp_path / "large", 5, 10, 41, 45)
    return open_paths({"a": [tmp_path / "small"], "b": [tmp_path / "large"]}, FIELDS["single"]).train


def loader(split: Split, device: torch.device, memory: str, **changed: Any) -> Loader:
    options = {"load": 36, "crop": 32, "batch": 3, "seed": 3, "say": lambda said: None, "rotate": True} | changed
    return Loader(scaled(split, options.pop("scale", 1)), device=device, memory=memory, **options)  # type: ignore[arg-type]


def first(batches: Iterator[Any], count: int) -> list[Any]:
    return list(itertools.islice(batches, count))


@pytest.mark.parametrize("resize", ["stretch", "shorter", "none"])
def test_pictures_on_the_device_are_cut_there_without_waiting(
    unpaired: Split, device: torch.device, resize: str
) -> None:
    made = loader(unpaired, device, "device", resize=resize).batches()
    batches = [next(made)]
    with no_waiting(device):
        batches += first(made, 8)
    for batch, want in zip(batches, loader(unpaired, CPU, "off", resize=resize).batches(), strict=False):
        for side, images in batch.items():
            assert images.device.type == device.type and torch.equal(images.cpu(), want[side])


def test_small_and_large_pictures_on_the_device(small_and_large: Split, device: torch.device) -> None:
    options = {"resize": "none", "scale": 2, "rotate": True}
    made = loader(small_and_large, device, "device", **options).batches()
    batches = [next(made)]
    with no_waiting(device):
        batches += first(made, 8)
    assert batches[0]["a"].shape == (3, 3, 16, 16)
    for batch, want in zip(batches, loader(small_and_large, CPU, "on", **options).batches(), strict=False):
        assert all(torch.equal(images.cpu(), want[side]) for side, images in batch.items())


@pytest.mark.parametrize("memory", ["device", "on", "off"])
def test_prefetched_batches_hold_while_the_device_is_behind(unpaired: Split, device: torch.device, memory: str) -> None:
    """Each is read late, when those after it have been made and its own memory has been given back."""
    seen = []
    for images in first(loader(unpaired, device, memory).images(), 30):
        if device.type == "cuda":
            torch.cuda._sleep(5_000_000)  # a few milliseconds
        seen.append({side: each.clone() for side, each in images.items()})
        del images
    for images, want in zip(seen, loader(unpaired, CPU, "off").batches(), strict=False):
        assert all(torch.equal(each.cpu(), to_images(want[side])) for side, each in images.items())


def test_on_a_gpu_pictures_are_kept_there_and_it_is_said(unpaired: Split, device: torch.device) -> None:
    said: list[str] = []
    made = loader(unpaired, device, "auto", say=said.append)
    next(made.batches())
    assert made.place == ("device" if device.type == "cuda" else "on")
    assert said == [f"kept 13 images {f'on {device}' if device.type == 'cuda' else 'in memory'} (0 MB)"]


class Nearest(Degradation):
    def __call__(self, large: torch.Tensor, rngs: Any) -> torch.Tensor:
        self.check(large, rngs)
        return large[:, :, :: self.scale, :: self.scale]


def test_a_degradation_works_on_what_is_there(unpaired: Split, device: torch.device, make_built: Any) -> None:
    built: Built = make_built("srgan-small", device)
    built.degradation = Nearest(4)
    single = one(unpaired.images["b"])
    batches = DeviceBatches(built, device).batches(loader(single, device, "device", scale=4))
    taken = [next(batches)]
    with no_waiting(device):
        taken += first(batches, 4)
    assert all(torch.equal(batch["a"], batch["b"][:, :, ::4, ::4]) for batch in taken)


@pytest.mark.usefixtures("deterministic")
def test_batches_are_made_while_iterations_are_recorded(
    unpaired: Split, device: torch.device, make_built: Callable[..., Built]
) -> None:
    """On a GPU iterations become graphs after three of a kind, while a thread makes the batches of the next."""
    losses = []
    for memory, place in (("device", device), ("on", device), ("off", CPU)):
        built = make_built("cyclegan", device, "train.precision=fp32", "data.batch=1", "train.compile=off")
        torch.manual_seed(1)  # of what the pools draw
        executor, on_device = FastStep(built, device), DeviceBatches(built, device)
        source = loader(unpaired, place, memory, batch=1, load=32)
        batches = on_device.batches(source) if place == device else (on_device(sides, ()) for sides in source.batches())
        losses.append([float(sum(executor.play([next(batches)], number).values())) for number in range(8)])
    assert losses[0] == pytest.approx(losses[2], rel=1e-4) and losses[1] == pytest.approx(losses[2], rel=1e-4)


def test_a_device_at_work_does_not_wait(unpaired: Split, device: torch.device) -> None:
    waiting, batches = DataWait(device), loader(unpaired, device, "device").images()
    assert waiting.take(batches, 2)[1] > 0  # it has nothing to do yet
    with no_waiting(device):
        if device.type == "cuda":
            torch.cuda._sleep(2_000_000_000)  # about a second
        waiting.played()
        taken, waited = waiting.take(batches, 2)
    assert len(taken) == 2 and (waited == 0) == (device.type == "cuda")
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    assert waiting.take(batches, 1)[1] > 0
