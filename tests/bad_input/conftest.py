"""What goes wrong, as the user meets it: one message that says where and what to do, the right exit code, nothing
half-written. Here is what these tests begin with: an empty folder with pictures, a model, a disk of 8 MB."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from advloss.recipe.build_method import build_method
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.inference.networks import nearest_model
from tests.training.started import two_sides


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, with two sides of four pictures in `photos`."""
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))


@pytest.fixture(params=["upscale", "translate"])
def command(request: pytest.FixtureRequest, translator: Path) -> list[str | Path]:
    """A command that goes through files, but for input and output: (before them, after them)."""
    if request.param == "translate":
        return ["translate", translator, "--tile", "0"]
    return ["upscale", "--model", nearest_model(Path("m.safetensors"))]


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of an untrained translator."""
    source = read("pix2pix-small")
    source.override("networks.generator={name: resnet, blocks: 1, width: 2}")
    recipe = resolve(source)
    path = tmp_path_factory.mktemp("translator") / "t.safetensors"
    save_model(path, recipe, build_method(recipe).state_dict(), {})
    return path


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of 8 MB. Only root may mount one."""
    folder = Path("disk").resolve()
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; the test with a write that fails stands in for it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
