"""Pictures keep what files hold, and what can't be read is named with the reason."""

import errno
import io
import itertools
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from advloss.data import images
from advloss.data.images import (
    Picture,
    UnreadableImage,
    flattened,
    list_images,
    read_header,
    read_picture,
    read_rgb8,
    to_8bit,
)
from advloss.data.writing import check_size, write_picture
from advloss.errors import InputError

RNG = np.random.default_rng(0)
COLOUR8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
COLOUR16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
ICC = b"not really a profile, but bytes" * 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("extension", ["png", "tiff"])
def test_png_and_tiff_keep_depth_and_alpha(
    tmp_path: Path, channels: int, alpha: bool, depth: type, extension: str
) -> None:
    pixels = (COLOUR8 if depth is np.uint8 else COLOUR16)[..., :channels]
    picture = Picture(pixels, pixels[..., 0] // 2 if alpha else None)
    path = tmp_path / f"x.{extension}"
    write_picture(path, picture)
    back = read_picture(path)
    if channels == 1 and alpha and depth is np.uint16 and extension == "tiff":  # written as RGBA, which Pillow can open
        pixels = np.repeat(pixels, 3, axis=2)
    assert back.pixels.dtype == depth
    np.testing.assert_array_equal(back.pixels, pixels)
    if alpha:
        np.testing.assert_array_equal(back.alpha, picture.alpha)
    else:
        assert back.alpha is None
    assert list(tmp_path.iterdir()) == [path]  # no temporary file stays


@pytest.mark.parametrize("extension", ["png", "tiff"])
@pytest.mark.parametrize("pixels", [COLOUR8, COLOUR16, COLOUR8[..., :1], COLOUR16[..., :1]])
def test_png_and_tiff_keep_the_colour_profile(tmp_path: Path, pixels: np.ndarray, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    for alpha in (None, pixels[..., 0]):
        write_picture(path, Picture(pixels, alpha, ICC))
        back = read_picture(path)
        assert back.icc == ICC
        np.testing.assert_array_equal(back.pixels[..., :1], pixels[..., :1])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (63, 5), (64, 5), (65, 5), (200, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_files_of_any_size_as_opencv_reads_them(tmp_path: Path, size: tuple[int, int], channels: int) -> None:
    pixels = RNG.integers(0, 65536, (*size, channels), dtype=np.uint16)
    alpha = RNG.integers(0, 65536, size, dtype=np.uint16)
    for extension, with_alpha in itertools.product(("png", "tif"), (None, alpha)):
        write_picture(tmp_path / f"x.{extension}", Picture(pixels[::-1, ::-1], with_alpha))
        read = cv2.imread(str(tmp_path / f"x.{extension}"), cv2.IMREAD_UNCHANGED).reshape(*size, -1)
        colour = read[..., 2::-1] if read.shape[2] >= 3 else read
        np.testing.assert_array_equal(colour, np.broadcast_to(pixels[::-1, ::-1], colour.shape))
        if with_alpha is not None:
            np.testing.assert_array_equal(read[..., -1], alpha)
        with Image.open(tmp_path / f"x.{extension}") as image:
            image.load()  # whole, with right checksums
            assert image.size == size[::-1]


def test_sizes_that_a_format_can_not_hold(tmp_path: Path) -> None:
    for name, width, most in (("x.jpg", 65501, "JPEG has at most 65500"), ("x.webp", 16384, "WEBP has at most 16383")):
        with pytest.raises(InputError, match=rf"{name}: {width}x1 pixels, and a {most} a side; use another format"):
            write_picture(tmp_path / name, Picture(np.zeros((1, width, 3), np.uint8)))
        check_size(tmp_path / name, 1, width - 1)
    with pytest.raises(InputError, match=r"x\.png: 16385x16384 pixels, more than the limit of 268,435,456"):
        check_size(tmp_path / "x.png", 16384, 16385)
    assert not list(tmp_path.iterdir())


def test_rounding_and_flattening_of_pictures_longer_than_a_block(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (150, 7, 3), dtype=np.uint16)
    alpha = RNG.integers(0, 65536, (150, 7), dtype=np.uint16)
    np.testing.assert_array_equal(to_8bit(pixels), np.round(pixels / 257).astype(np.uint8))
    share = alpha[..., None] / 65535
    over = flattened(Picture(pixels, alpha)).pixels
    np.testing.assert_array_equal(over, np.floor(pixels * share + 65535 * (1 - share) + 0.5).astype(np.uint16))


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
    errors: list[OSError] = []
    found = list_images(tmp_path, unreadable=errors.append)
    assert found == [tmp_path / "a.png", tmp_path / "open/c.png"] == list_images(tmp_path)
    assert [error.filename for error in errors] == [str(tmp_path / "shut")]
    assert list_images(tmp_path, recursive=False) == [tmp_path / "a.png"]


def test_jpeg_lays_alpha_over_white_and_rounds_16_bits(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), 128 * 257, np.uint16)
    write_picture(tmp_path / "x.jpg", Picture(flat, np.full((16, 16), 65535 // 2, np.uint16)))
    back = read_picture(tmp_path / "x.jpg")
    assert back.pixels.dtype == np.uint8
    assert back.alpha is None
    assert abs(int(back.pixels[8, 8, 0]) - 192) <= 2  # half of 128, half of 255


@pytest.mark.parametrize("extension", ["webp", "bmp"])
def test_webp_and_bmp(tmp_path: Path, extension: str) -> None:
    smooth = np.full((16, 16, 1), 90, np.uint8)
    write_picture(tmp_path / f"x.{extension}", Picture(smooth, np.full((16, 16), 255, np.uint8)))
    assert abs(int(read_rgb8(tmp_path / f"x.{extension}")[8, 8, 1]) - 90) <= 2


def test_an_extension_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.gif.*use one of \.png"):
        write_picture(tmp_path / "x.gif", Picture(COLOUR8))


def test_16_bits_are_scaled_and_rounded_not_cut(tmp_path: Path) -> None:
    values = np.asarray([[0, 128, 129, 257, 32767, 65535]], np.uint16)
    for number, array in enumerate((values, np.repeat(values[..., None], 3, axis=2))):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), array)
        assert read_rgb8(path)[0, :, 0].tolist() == [0, 0, 1, 1, 127, 255]
        assert read_rgb8(path).shape == (1, 6, 3)


def test_palette_grey_alpha_and_cmyk(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "p.png", transparency=1)
    picture = read_picture(tmp_path / "p.png")
    assert picture.pixels[0, 0].tolist() == [10, 20, 30]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0]]
    assert read_rgb8(tmp_path / "p.png")[0, 1].tolist() == [255, 255, 255]  # transparent: white
    Image.new("L", (2, 1), 77).save(tmp_path / "l.png")
    assert read_rgb8(tmp_path / "l.png")[0, 0].tolist() == [77, 77, 77]
    assert read_picture(tmp_path / "l.png").pixels.shape == (1, 2, 1)
    Image.new("LA", (2, 1), (0, 128)).save(tmp_path / "la.png")
    assert read_rgb8(tmp_path / "la.png")[0, 0].tolist() == [127, 127, 127]
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "c.jpg")
    red = read_rgb8(tmp_path / "c.jpg")[4, 4]
    assert red[0] > 240
    assert red[2] < 15
    Image.new("1", (8, 8), 1).save(tmp_path / "one.png")
    assert read_rgb8(tmp_path / "one.png").min() == 255
    modes = [read_header(tmp_path / name).mode for name in ("p.png", "l.png", "la.png", "c.jpg", "one.png")]
    assert modes == ["palette", "8-bit grey", "8-bit grey with alpha", "8-bit CMYK", "1-bit"]


def test_modes_of_16_bit_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(COLOUR16))
    write_picture(tmp_path / "b.tif", Picture(COLOUR16, COLOUR16[..., 0]))
    write_picture(tmp_path / "c.png", Picture(COLOUR16[..., :1]))
    assert [read_header(p).mode for p in list_images(tmp_path)] == ["16-bit RGB", "16-bit RGBA", "16-bit grey"]


@pytest.mark.parametrize("extension", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, extension: str, orientation: int) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16] = 255  # upper left quarter
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x.{extension}"
    Image.fromarray(stored).save(path, exif=exif)
    shown = read_rgb8(path)
    assert shown.shape[:2] == ((32, 16) if orientation >= 5 else (16, 32)) == read_header(path).size
    quarter = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    height, width = shown.shape[:2]
    assert shown[height // 4 + quarter[0] * height // 2, width // 4 + quarter[1] * width // 2, 0] > 250


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_16_bit_colour(tmp_path: Path, orientation: int) -> None:
    """As Pillow turns the same picture with 8 bits."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight = COLOUR8
    Image.fromarray(eight).save(tmp_path / "8.png", exif=exif)
    buffer = cv2.imencode(".png", eight[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "16.png").write_bytes(buffer[:33] + chunk + buffer[33:])
    np.testing.assert_array_equal(read_rgb8(tmp_path / "16.png"), read_rgb8(tmp_path / "8.png"))
    assert read_picture(tmp_path / "16.png").pixels.dtype == np.uint16


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


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    write_picture(path, Picture(COLOUR8))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_picture(path, Picture(COLOUR8 // 2))
    np.testing.assert_array_equal(read_picture(path).pixels, COLOUR8)
    assert list(tmp_path.iterdir()) == [path]
