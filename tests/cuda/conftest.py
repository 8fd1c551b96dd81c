"""Tests of what a CUDA device does differently. Each runs on the CPU too, small, so that its code is known to work."""

import os
from collections.abc import Callable, Iterator

import pytest
import torch

from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts: deterministic matrix products

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device")
SIZE = 32  # of the images, in pixels

SMALL = {
    "cyclegan": [
        "networks.generator.width=4",
        "networks.generator.blocks=1",
        *(f"losses.adversarial_{side}.discriminator.{key}" for side in "ab" for key in ("width=4", "layers=2")),
        *(f"losses.adversarial_{side}.pool=3" for side in "ab"),
    ],
    "pix2pix": [
        "networks.generator.width=4",
        "networks.generator.levels=5",
        "losses.adversarial.discriminator.width=4",
        "losses.adversarial.discriminator.layers=2",
    ],
    "srgan-small": [
        "networks.generator.width=4",
        "networks.generator.blocks=1",
        "losses.adversarial.discriminator.width=4",
    ],
    "vqgan-small": [
        "networks.encoder.width=8",
        "networks.decoder.width=8",
        "networks.bottleneck.codes=16",
        "losses.adversarial.discriminator.width=4",
        "losses.adversarial.start=0",
        "losses.adversarial.ramp=0",
        "losses.adversarial.discriminator_start=0",
    ],
}
SCALES = {"srgan-small": 4}
PLAIN = ["train.precision=fp32", "train.compile=off", "train.graphs=off"]
"""Unless a test asks for more: compiling takes half a minute a network."""

MakeBuilt = Callable[..., Built]
Batch = dict[str, torch.Tensor]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, NO_CUDA])])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU, then CUDA where the marker asks for it."""
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def as_the_cpu_does() -> Iterator[None]:
    """float32 is float32 (no TF32), one thread: the networks are tiny."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def deterministic() -> Iterator[None]:
    """Only algorithms that give the same bytes each time; an operation without one raises."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def make_built() -> MakeBuilt:
    """A recipe's objects, small, on a device, with the same weights each time."""

    def make(recipe: str, device: torch.device, *overrides: str) -> Built:
        source = read(recipe)
        for override in (*SMALL[recipe], f"data.load={SIZE}", f"data.crop={SIZE}", *PLAIN, *overrides):
            source.override(override)
        built = build(resolve(source))
        built.method.to(device).train()
        built.terms.to(device).train()
        return built

    return make


@pytest.fixture
def make_executor(make_built: MakeBuilt) -> Callable[..., FastStep]:
    """A small iteration of a recipe on a device, with the same weights each time."""
    return lambda recipe, device, *overrides: FastStep(make_built(recipe, device, *overrides), device)


@pytest.fixture
def batches() -> Callable[..., list[Batch]]:
    """That many batches of one pair for a recipe, the same on every device."""

    def make(count: int, device: torch.device, recipe: str = "cyclegan") -> list[Batch]:
        random = torch.Generator().manual_seed(1)
        last = "image" if recipe.startswith("vqgan") else "b"
        sides = {"a": SIZE // SCALES.get(recipe, 1), last: SIZE}
        return [
            {
                name: (torch.rand((1, 3, side, side), generator=random) * 2 - 1).to(device)
                for name, side in sides.items()
            }
            for _ in range(count)
        ]

    return make
