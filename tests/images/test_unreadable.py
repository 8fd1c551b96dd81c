"""Files that can not be read are named with the reason."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from advloss.images import reading as images
from advloss.images.reading import UnreadableImage, read_picture, read_rgb8

RNG = np.random.default_rng(0)
COLOUR8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


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
