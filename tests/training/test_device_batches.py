"""What a method trains on, however its pictures are kept and whoever makes its batches."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from advloss.data.degradations.bicubic import Bicubic
from advloss.data.loading.loader import Loader
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sources.folders import open_folder
from advloss.data.sources.paths import open_paths
from advloss.recipe.build import Built
from advloss.training.device_batches import DeviceBatches
from tests.data.pictures import FIELDS, fill, scaled
from tests.training.fast.helpers import made
from tests.training.started import TINY, done, log, two_sides

CPU = torch.device("cpu")


class Noisy(Bicubic):
    """Numbers of each picture's own generator added, and how often it was asked."""

    calls = 0

    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        self.calls += 1
        added = torch.tensor([rng.random() for rng in rngs], dtype=large.dtype)
        return super().__call__(large, rngs) + added[:, None, None, None]


def built(precision: str) -> Built:
    ready = made("srgan", f"train.precision={precision}")
    ready.degradation = Noisy(4)
    return ready


def loader(folder: Path, memory: str, single: bool = True) -> Loader:
    b = fill(folder / "b", 5, height=40, width=44)
    a = fill(folder / "a", 5, 9, height=10, width=11)
    split = (
        open_folder(b, FIELDS["single"]).train if single else open_paths({"a": [a], "b": [b]}, FIELDS["single"]).train
    )
    options = {"load": 32, "crop": 32, "batch": 2, "seed": 3, "resize": "none", "memory": memory}
    return Loader(scaled(split, 4), say=lambda said: None, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("memory", ["off", "device"])
def test_batches_are_images_with_what_the_data_lacks(tmp_path: Path, memory: str, precision: str) -> None:
    ready = built(precision)
    device_batches = DeviceBatches(ready, CPU)
    batches = list(itertools.islice(device_batches.batches(loader(tmp_path, memory), 3), 4))
    raw = list(itertools.islice(loader(tmp_path, "on").batches(), 7))[3:]
    for number, (batch, levels) in enumerate(zip(batches, raw, strict=True), 3):
        rngs = [random(DEGRADE, 3, number // 2, 2 * (number % 2) + place) for place in range(2)]  # 2 batches an epoch
        by_hand = {"b": levels["b"].float() / 127.5 - 1}
        by_hand["a"] = Noisy(4)(by_hand["b"], rngs)
        at_once = device_batches(
            levels, [random(DEGRADE, 3, number // 2, 2 * (number % 2) + place) for place in range(2)]
        )
        for side, images in by_hand.items():
            assert batch[side].dtype == (torch.float64 if precision == "fp64" else torch.float32)
            assert torch.equal(batch[side].float(), images)
            assert torch.equal(batch[side], at_once[side])


def test_what_the_data_has_is_not_made(tmp_path: Path) -> None:
    ready = built("fp32")
    batches = DeviceBatches(ready, CPU).batches(loader(tmp_path, "on", single=False))
    raw = loader(tmp_path, "on", single=False).batches()
    for batch, levels in itertools.islice(zip(batches, raw, strict=False), 3):
        assert torch.equal(batch["a"], levels["a"].float() / 127.5 - 1)
    assert ready.degradation.calls == 0  # type: ignore[union-attr]


def test_a_run_is_the_same_wherever_its_pictures_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"), 6)
    words = ["train", "recipe=cyclegan-small", "photos", *TINY, "data.load=36", "samples=[]", "--iterations", "3"]
    places = {"device": "kept 12 images on cpu", "on": "kept 12 images in memory", "off": "no problems found"}
    for memory, said in places.items():
        assert said in done(*words, f"data.memory={memory}", "--device", "cpu", "--run", memory).stderr
    losses = [[entry["losses"] for entry in log(Path(), memory)] for memory in places]
    assert losses[0] == losses[1] == losses[2] and len(losses[0]) == 3
    one, *others = [load_file(f"runs/{memory}/model.safetensors") for memory in places]
    assert all(torch.equal(value, other[name]) for name, value in one.items() for other in others)
