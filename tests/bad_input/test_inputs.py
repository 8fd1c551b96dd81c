"""Pictures and folders that can not be read or written: the rest is done."""

import errno
import os
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.bad_input.helpers import files, halved
from tests.data.pictures import fill, picture
from tests.training.started import invoke, refused


def header(path: Path, width: int, height: int) -> None:
    """A PNG that says it is that large, and holds next to nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"x"), (b"IEND", b"")]
    body = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))


def test_bad_files_of_all_kinds_are_named_and_counted_and_the_rest_is_done(command: list, monkeypatch):
    fill(Path("in"), ["a.png", "b.jpg", "z.png"])
    halved(Path("in/b.jpg"))
    Path("in/c.png").touch()
    Path("in/d.png").write_text("hello, I am no picture")
    header(Path("in/e.png"), 60_000, 60_000)
    Image.fromarray(picture(0)).convert("F").save("in/f.tif")
    fill(Path("in/shut"), ["g.png"])
    Path("in/h.png").symlink_to("nowhere.png")  # passed over: there is nothing to be read
    os.mkfifo("in/pipe.png")
    _deny(monkeypatch, "scandir", "shut")
    result = invoke(*command, "in", "out")
    assert result.exit_code == 2 and "2 pictures written, 6 could not be" in result.stderr
    said = result.stderr.partition("advloss: ")[2]
    for sentence in (
        "in/shut: the folder can't be read (Permission denied)\n",
        "in/b.jpg: damaged: Truncated File Read\n",
        "in/c.png: the file is empty (0 bytes)\n",
        "in/d.png: not a picture in a format that can be read, whatever its name says\n",
        "in/e.png: 60000x60000 pixels, more than the limit of 268,435,456; not decoded. If you trust the file, set "
        "ADVLOSS_MAX_PIXELS=3600000000\n",
        "in/f.tif: holds floats, and the model was trained on 8-bit pictures; save it with 8 or 16 bits\n",
    ):
        assert sentence in said
    assert files("out") == ["a.png", "z.png"]


def _deny(monkeypatch: pytest.MonkeyPatch, function: str, name: str) -> None:
    """Simulates a folder or file that may not be read; root may read everything."""
    real = getattr(os, function)

    def closed(path, *arguments, **options):
        if isinstance(path, str | os.PathLike) and Path(path).name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, function, closed)


def test_one_bad_file(command: list):
    Path("c.png").touch()
    said = refused(*command, "c.png", "out.png")
    assert "c.png: the file is empty (0 bytes)" in said
    assert not Path("out.png").exists() and not list(Path().glob(".advloss*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere; the simulated tests stand in")
def test_folders_that_may_not_be_read_or_written(command: list):
    fill(Path("in"), ["a.png"])
    fill(Path("in/shut"), ["b.png"])
    Path("in/shut").chmod(0)
    Path("closed").mkdir(0o555)
    try:
        assert "in/shut: the folder can't be read (Permission denied)" in refused(*command, "in", "out")
        assert "in/shut: the folder can't be read" in refused(*command, "in/shut", "other")
        assert "closed: can't be written to" in refused(*command, "in", "closed")
        assert "closed: can't be written to" in refused(*command, "in/a.png", "closed/deep/a.png")
        assert files("out") == ["a.png"] and files("closed") == []
    finally:
        Path("in/shut").chmod(0o755)


def test_an_input_folder_that_can_not_be_read(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png"])
    _deny(monkeypatch, "scandir", "in")
    assert "in: the folder can't be read (Permission denied)" in refused(*command, "in", "out")
    assert not Path("out").exists()


def test_an_output_folder_that_can_not_be_written_to(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png"])
    fill(Path("in/deep"), ["b.png"])
    Path("closed").mkdir()
    Path("out/deep").mkdir(parents=True)
    monkeypatch.setattr(
        os, "access", lambda path, mode: not mode & os.W_OK or Path(path).name not in ("closed", "deep")
    )
    for words in (["in", "closed"], ["in", "closed/x/y"], ["in/a.png", "closed"], ["in/a.png", "closed/a.png"]):
        assert "closed: can't be written to; name another folder" in refused(*command, *words)
    assert "out/deep: can't be written to" in refused(*command, "in", "out")  # and the rest is done
    assert files("out") == ["a.png"] and files("closed") == []


def test_a_file_system_that_is_read_only(command: list, disk: Path):
    fill(Path("in"), ["a.png"])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    said = refused(*command, "in", disk / "out")
    assert f"{disk}: can't be written to" in said or "Read-only file system" in said


def test_a_network_that_fails_on_one_picture(command: list, monkeypatch: pytest.MonkeyPatch):
    from advloss.inference.tiles.tiler import Tiler

    fill(Path("in"), ["a.png", "b.png"])
    fill(Path("in"), ["large.png"], height=50)
    bands = Tiler.bands

    def failing(self, image, depth=8):
        if image.shape[2] == 50:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        yield from bands(self, image, depth)

    monkeypatch.setattr(Tiler, "bands", failing)
    assert "in/large.png: there is not enough memory for it" in refused(*command, "in", "out")
    assert files("out") == ["a.png", "b.png"]
