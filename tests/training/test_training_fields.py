"""Methods of a user's own with other fields than two images: they train, draw samples, and resume to the same bytes."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image as Pillow
from torch import Tensor, nn

from advloss.data.fields import Fields, Image, Label, Mask, Noise, Vector
from advloss.methods.base import Method, NetworkFactory
from advloss.recipe.components import DISCRIMINATORS, GENERATORS, METHODS
from tests.data.pictures import fill
from tests.training.started import done, log, refused


class Up(nn.Module):
    """A vector, and a class where it is told how many there are, to an image of `size` pixels."""

    def __init__(self, in_channels: int, out_channels: int, size: int, classes: int = 0) -> None:
        super().__init__()
        self.size, self.classes = size, classes
        self.first = nn.Linear(in_channels + classes, 8 * (size // 4) ** 2)
        self.last = nn.Conv2d(8, out_channels, 3, padding=1)

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        given = [] if label is None else [nn.functional.one_hot(label, self.classes).to(noise)]
        x = self.first(torch.cat([noise, *given], 1)).view(-1, 8, self.size // 4, self.size // 4)
        return self.last(nn.functional.interpolate(x, scale_factor=4)).tanh()


class Conv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).tanh()


class Line(nn.Module):
    def __init__(self, in_channels: int, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(in_channels, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Generation(Method):
    fields: Fields = {"image": Image("images"), "label": Label("images"), "noise": Noise(size=6)}
    tensors = {"image": "[B, C, H, W]", "fake": "[B, C, H, W]"}
    directions = {}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="image")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        return {"image": batch["image"], "fake": self.generator(batch["noise"], batch["label"])}


class Three(Method):
    fields: Fields = {name: Image(name) for name in "abc"}
    tensors = {**dict.fromkeys("abc", "[B, C, H, W]"), "fake_b": "[B, C, H, W]", "fake_c": "[B, C, H, W]"}
    directions = {}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.to_b, self.to_c = generator(takes="a", gives="b"), generator(takes="a", gives="c")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        return {**batch, "fake_b": self.to_b(batch["a"]), "fake_c": self.to_c(batch["a"])}


class Holes(Method):
    fields: Fields = {"image": Image("images"), "mask": Mask("images")}
    tensors = {"image": "[B, C, H, W]", "fake": "[B, C, H, W]", "mask": "[B, 1, H, W]"}
    directions = {}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator()

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        assert batch["mask"].is_meta or set(batch["mask"].unique().tolist()) <= {0, 1}
        hidden = batch["image"] * (1 - batch["mask"])
        return {"image": batch["image"], "mask": batch["mask"], "fake": self.generator(hidden)}


class Features(Method):
    fields: Fields = {"x": Vector("first"), "u": Vector("second")}
    tensors = {"x": "[B, F]", "moved": "[B, F]", "u": "[B, F]"}
    directions = {}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator(takes="x", gives="u")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        return {"x": batch["x"], "u": batch["u"], "moved": self.generator(batch["x"])}


class Move(nn.Linear):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)


PATCHES = "{name: patchgan, width: 4, layers: 1, norm: instance}"
CASES = {
    "generation": (Generation, "up", ["fake", "image"], ["pictures"], PATCHES),
    "three": (Three, "conv", ["fake_c", "c"], ["data.a=a", "data.b=b", "data.c=c"], PATCHES),
    "holes": (Holes, "conv", ["fake", "image"], ["a"], PATCHES),
    "features": (Features, "move", ["moved", "u"], ["data.x=x.npy", "data.u=u.npy"], "{name: line}"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate("abc"):
        fill(Path(name), 5 + number, 10 * number, 16, 16)
    for name in ("pictures/train/x", "pictures/train/y", "pictures/val/x", "pictures/val/y"):
        fill(Path(name), 4, 50, 16, 16)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((9, 3)))
    np.save("u.npy", rng.standard_normal((12, 5)))
    for name, network in {"up": Up, "conv": Conv, "move": Move}.items():
        monkeypatch.setitem(GENERATORS, name, network)
    monkeypatch.setitem(DISCRIMINATORS, "line", Line)
    for name, (method, *_) in CASES.items():
        monkeypatch.setitem(METHODS, name, method)
        write_recipe(name)


def write_recipe(name: str) -> None:
    _, network, between, _, discriminator = CASES[name]
    Path(f"{name}.yaml").write_text(
        f"method: {name}\n"
        f"networks: {{generator: {{name: {network}}}}}\n"
        f"losses: {{adversarial: {{loss: adversarial, between: {between}, discriminator: {discriminator}}}}}\n"
        "data: {load: 16, crop: 16, batch: 2}\noptimizer: {name: adam, lr: 1e-3}\n"
        "train: {iterations: 6, log_every: 1, checkpoint_every: 2, sample_every: 3}\n"
        f"samples: {between if name != 'features' else []}\n"
    )


@pytest.mark.parametrize("name", CASES)
def test_a_method_of_other_fields_trains_and_resumes(name: str) -> None:
    words = ["train", f"recipe={name}.yaml", *CASES[name][3], "--device", "cpu", "--run"]
    done(*words, "whole")
    done(*words, "cut", "--iterations", "3")
    done("train", "--run", "cut", "--resume", "--iterations", "6")
    whole, cut = (Path("runs", run, "model.safetensors").read_bytes() for run in ("whole", "cut"))
    assert whole == cut and len([entry for entry in log(Path(), "cut") if "losses" in entry]) == 6
    if name != "features":
        for picture in ("0000003.png", "0000006.png"):
            one, other = (np.asarray(Pillow.open(Path("runs", run, "samples", picture))) for run in ("whole", "cut"))
            assert np.array_equal(one, other)


def test_what_was_found_is_in_the_recipe() -> None:
    done("train", "recipe=generation.yaml", "pictures", "--device", "cpu", "--run", "one")
    done("train", "recipe=features.yaml", *CASES["features"][3], "--device", "cpu", "--run", "two")
    one, two = (yaml.safe_load(Path("runs", run, "recipe.yaml").read_text())["data"] for run in ("one", "two"))
    assert one["classes"] == {"label": ["x", "y"]} and one["channels"] == {"image": 3}
    assert two["sizes"] == {"x": 3, "u": 5} and two["channels"] is None


def test_noise_of_the_sample_grid_stays() -> None:
    """With a rate of almost nothing the generator stays, and so do its samples."""
    done("train", "recipe=generation.yaml", "pictures", "optimizer.lr=1e-12", "--device", "cpu", "--run", "run")
    first, last = (Path("runs/run/samples", name).read_bytes() for name in ("0000003.png", "0000006.png"))
    assert first == last


def test_what_is_missing_is_said() -> None:
    assert "data.c is missing: give each folder" in refused("train", "recipe=three.yaml", "data.a=a", "data.b=b")
    assert "no data: name a set" in refused("train", "recipe=three.yaml")
    assert "data.u=FILE.npy" in refused("train", "recipe=features.yaml", "data.x=x.npy")
