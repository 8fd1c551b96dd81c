"""`advloss sample` holds no more of many images than of few: measured, in a process for each count."""

import subprocess
import sys
from pathlib import Path

import pytest

from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.inference.networks import MOST_RESIDENT
from tests.training.started import ENVIRONMENT

PROGRAM = f"""{MOST_RESIDENT}
import sys
from advloss.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(most_resident())
"""
FEW, MANY = 1_000, 20_000
NOISE = 8_000_000
"""Bytes by which one process differs from another of the same count; 19,000 images of float32 8 x 8 have 4.9 MB, and
the tensors that hold them three times as much."""
SMALL = {
    "dcgan-small": ["data.load=8", "data.crop=8", "networks.generator.width=1", "method.latent=2"],
    "points": ["networks.generator.width=2"],
}
DISCRIMINATOR = "losses.adversarial.discriminator={name: mlp, width: 2, layers: 1}"


def model(folder: Path, recipe: str) -> str:
    """A model file of a small network that was not trained."""
    source = read(recipe)
    for override in (*SMALL[recipe], DISCRIMINATOR):
        source.override(override)
    built = build(resolve(source))
    save_model(folder / f"{recipe}.safetensors", built.recipe, built.method.state_dict(), {})
    return f"{recipe}.safetensors"


def most(folder: Path, count: int, *words: str) -> int:
    """Bytes that `advloss sample WORDS` held at most."""
    command = [sys.executable, "-c", PROGRAM, "sample", *words, "--count", str(count), "--device", "cpu"]
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=500)
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("recipe", "target"),
    [("dcgan-small", ["images"]), ("dcgan-small", ["grid.png", "--grid"]), ("points", ["points.npy"])],
    ids=["files", "grid", "points"],
)
def test_many_images_take_the_memory_of_few(tmp_path: Path, recipe: str, target: list[str]) -> None:
    file = model(tmp_path, recipe)
    few = most(tmp_path, FEW, file, *target)
    many = most(tmp_path, MANY, file, *target, "--overwrite")
    print(f"{target}: {few / 1e6:.1f} MB for {FEW}, {many / 1e6:.1f} MB for {MANY}")
    assert many - few < NOISE
