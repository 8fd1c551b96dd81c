"""Files and folders that can not be read are named with the reason."""

import errno
import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from advloss.images import reading as images
from advloss.images.listing import Passed
from advloss.images.reading import Picture, UnreadableImage, list_images, read_picture, read_rgb8
from advloss.images.writing import write_picture
from tests.data.pictures import fill

RNG = np.random.default_rng(0)
COLOUR8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_folders_that_can_not_be_listed_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "shut/b.png", "open/c.png", ".hidden/d.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write_picture(path, Picture(COLOUR8))
    scandir = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    passed = Passed()
    found = list_images(tmp_path, passed=passed)
    assert found == [tmp_path / "a.png", tmp_path / "open/c.png"] == list_images(tmp_path)
    assert [error.filename for error in passed.closed] == [str(tmp_path / "shut")]
    assert list_images(tmp_path, recursive=False) == [tmp_path / "a.png"]


def test_folders_deeper_than_a_path_can_be_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(fill(tmp_path / "top", ["a.png"]))
    for level in range(1500):
        os.mkdir("dd")  # noqa: PTH102 (pathlib makes the parents by recursion)
        os.chdir("dd")
        if level == 1199:
            fill(Path(), ["b.png"])
    monkeypatch.chdir(tmp_path)
    passed = Passed()
    assert [path.name for path in list_images(Path("top"), passed=passed)] == ["a.png", "b.png"]
    assert [error.strerror for error in passed.closed] == ["File name too long"]


def _jpeg(size: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def _png16() -> bytes:
    return cv2.imencode(".png", RNG.integers(0, 65536, (64, 64, 3), dtype=np.uint16))[1].tobytes()


def _float_tiff() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


def _flipped_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("empty.png", b"", "empty"),
        ("text.png", b"hello, I am a text", "not a picture"),
        ("cut.jpg", _jpeg()[:1500], "truncated"),
        ("cut16.png", _png16()[:9000], "truncated"),
        ("flipped.png", _flipped_png(), "damaged|truncated"),
        ("float.tif", _float_tiff(), "floating-point"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableImage, match=f"{name}: .*({why})") as raised:
        read_rgb8(tmp_path / name)
    assert raised.value.exit_code == 2


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"gone\.png: no such file"):
        read_rgb8(tmp_path / "gone.png")


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"bomb\.png: 30000x30000 pixels, more than the limit"):
        read_picture(tmp_path / "bomb.png")
    assert not recwarn.list
    assert Image.MAX_IMAGE_PIXELS is not None  # Pillow's own limit is back
    assert images.MAX_PIXELS == 2**28


def test_a_large_tiff_is_read_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    Image.new("1", (12000, 8000)).save(tmp_path / "big.tif", compression="group4")  # 96 million, beyond Pillow's limit
    assert read_picture(tmp_path / "big.tif").pixels.shape == (8000, 12000, 1)
    assert not recwarn.list


def test_list_images_is_sorted_and_leaves_out_hidden_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "sub/c.tif", ".hidden.png", ".git/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == ["a.jpeg", "b.PNG", "sub/c.tif"]
    assert [path.name for path in list_images(tmp_path, recursive=False)] == ["a.jpeg", "b.PNG"]
