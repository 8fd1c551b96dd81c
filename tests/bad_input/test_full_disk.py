"""A full disk, and a write that fails in the middle: the file before it stays whole."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from advloss.images.reading import Picture
from advloss.images.writing import write_picture
from tests.bad_input.helpers import RUN, SMALL, files, trained
from tests.data.pictures import fill, picture
from tests.inference.networks import nearest_model
from tests.training.started import done, refused


def left(folder: Path, size: int) -> Path:
    """Fills the disk up to `size` bytes."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - size))
    return filler


def test_a_disk_that_is_full_at_a_checkpoint(disk: Path, monkeypatch: pytest.MonkeyPatch):
    photos = Path("photos").resolve()
    monkeypatch.chdir(disk)
    words = [*SMALL, f"data.name={photos}", "samples=[]", "--run", "run", "--iterations"]
    done(*words, "2")
    before = {name: (RUN / name).read_bytes() for name in ("checkpoint.pt", "model.safetensors")}
    filler = left(Path(), len(before["checkpoint.pt"]) // 2)
    said = refused(*words, "4", "--resume", code=1)
    assert "runs/run/checkpoint.pt: could not be written (" in said
    assert "is the disk full? the one before it is whole; make room, then --resume" in said
    assert {name: (RUN / name).read_bytes() for name in before} == before
    assert not list(RUN.glob(".advloss*"))
    torch.load(RUN / "checkpoint.pt", weights_only=True)
    filler.unlink()
    assert "from iteration 3" in done(*words, "4", "--resume").stderr


def test_a_disk_that_is_full_from_the_start(disk: Path, monkeypatch: pytest.MonkeyPatch):
    photos = Path("photos").resolve()
    monkeypatch.chdir(disk)
    left(Path(), 0)
    assert "runs/run: can't be written (No space left on device)" in refused(*SMALL, str(photos), "--run", "run")


@pytest.mark.parametrize("name", ["checkpoint.pt", "model.safetensors"])
def test_a_write_that_fails_in_the_middle_leaves_the_file_before_it(name: str, monkeypatch: pytest.MonkeyPatch):
    trained()
    before = (RUN / name).read_bytes()

    def broken(content: object, path: Path, **options: object) -> None:
        Path(path).write_bytes(before[: len(before) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        if name == "checkpoint.pt":
            context.setattr(torch, "save", broken)
        else:
            context.setattr("advloss.recipe.model_file.save_file", broken)
        said = refused("train", "--run", "run", "--resume", "--iterations", "4", code=1)
    assert f"runs/run/{name}: could not be written (" in said and "No space left on device" in said
    assert "the one before it is whole; make room, then --resume" in said
    assert (RUN / name).read_bytes() == before
    assert not list(RUN.glob(".advloss*"))
    trained("--resume", iterations=4)
    assert (RUN / name).read_bytes() != before


def test_a_log_that_can_not_be_written(monkeypatch: pytest.MonkeyPatch):
    trained()

    def broken(self: object, entry: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("advloss.training.run.log.RunLog.write", broken)
    said = refused("train", "--run", "run", "--resume", "--iterations", "4", code=1)
    assert "runs/run: could not be written to (" in said and "No space left on device" in said and "--resume" in said


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 1 MB. Only root may mount one."""
    folder = Path("small").resolve()
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; the test with a write that fails stands in for it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("extension", ["png", "tif", "jpg", "webp", "bmp", "deep.png", "deep.tif"])
def test_results_on_a_disk_that_is_full(extension: str, small_disk: Path):
    Path("in").mkdir()
    noise = picture(0, 500, 500)
    pixels = noise.astype(np.uint16) * 257 if "deep" in extension else noise
    for name in ("a", "b"):
        write_picture(Path(f"in/{name}.{extension}"), Picture(pixels))
    fill(Path("in"), ["z.png"])
    (small_disk / "filler").write_bytes(bytes((1 << 20) - (1 << 17)))  # 128 KB are left
    said = refused("upscale", "in", small_disk / "out", "--model", nearest_model(Path("m.safetensors")))
    for name in ("a", "b"):
        assert f"out/{name}.{extension}: can't be written (No space left on device)" in said
    assert files(small_disk) == ["filler", "out/z.png"]


@pytest.mark.parametrize("extension", ["png", "deep.png"])
def test_a_result_whose_writing_fails_in_the_middle(command: list, extension: str, monkeypatch: pytest.MonkeyPatch):
    Path("in").mkdir()
    pixels = picture(0, 30, 30)
    write_picture(Path(f"in/a.{extension}"), Picture(pixels.astype(np.uint16) * 257 if "deep" in extension else pixels))
    fill(Path("in"), ["z.jpg"])
    fsync = os.fsync

    def full(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    said = refused(*command, "in", "out")
    assert f"out/a.{extension}: can't be written (No space left on device)" in said
    assert files("out") == ["z.jpg"]
