"""Pictures of all kinds are read as other programs show them."""

import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from advloss.images.reading import Picture, list_images, read_header, read_picture, read_rgb8
from advloss.images.writing import write_picture
from tests.data.pictures import profile
from tests.images.tiffs import RGB, Form, tiff

RNG = np.random.default_rng(0)
COLOUR8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
COLOUR16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


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
    """As Pillow inverts the same picture with 8 bits."""
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


def _tiff16(pixels: np.ndarray, photometric: int, extra: int | None = None) -> bytes:
    """A TIFF of uint16 [H, W, C] in one strip that is not compressed."""
    height, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()
    bits = 8 + len(data)
    entries = [(256, 1, width), (257, 1, height), (258, channels, bits if channels > 1 else 16), (259, 1, 1)]
    entries += [(262, 1, photometric), (273, 1, 8), (277, 1, channels), (278, 1, height), (279, 1, len(data))]
    entries += [(338, 1, extra)] if extra is not None else []
    table = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, *rest) for tag, *rest in entries)
    held = data + struct.pack(f"<{channels}H", *[16] * channels)
    return b"II*\0" + struct.pack("<I", 8 + len(held)) + held + struct.pack("<H", len(entries)) + table + bytes(4)


def test_16_bit_grey_in_which_0_is_white(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(_tiff16(65535 - COLOUR16[..., :1], 0))
    (tmp_path / "y.tif").write_bytes(_tiff16(COLOUR16[..., :1], 1))
    for name in ("x.tif", "y.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, COLOUR16[..., :1])


def test_16_bit_colours_that_are_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).integers(30000, 65536, COLOUR16.shape[:2], dtype=np.uint16)
    alpha[0, 0] = 0
    covered = np.round(COLOUR16 / 65535 * alpha[..., None]).astype(np.uint16)
    (tmp_path / "covered.tif").write_bytes(_tiff16(np.dstack([covered, alpha]), 2, 1))
    (tmp_path / "free.tif").write_bytes(_tiff16(np.dstack([COLOUR16, alpha]), 2, 2))
    made, free = (read_picture(tmp_path / f"{name}.tif") for name in ("covered", "free"))
    np.testing.assert_array_equal(free.pixels, COLOUR16)
    assert (made.pixels[0, 0] == 0).all()
    apart = np.abs(made.pixels.astype(int) - COLOUR16)
    apart[0, 0] = 0
    assert apart.max() <= 2  # half a level of what is stored, less than twice as much after the division
    for picture in (made, free):
        np.testing.assert_array_equal(picture.alpha, alpha)


def _with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + struct.pack(">I", len(body)) + name + body + checksum + data[33:]


@pytest.mark.parametrize("channels", [1, 3])
def test_one_value_of_a_16_bit_png_is_transparent(tmp_path: Path, channels: int) -> None:
    pixels = COLOUR16[..., :channels]
    data = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    (tmp_path / "x.png").write_bytes(_with_chunk(data, b"tRNS", pixels[1, 2].astype(">u2").tobytes()))
    picture = read_picture(tmp_path / "x.png")
    wanted = np.full((5, 7), 65535, np.uint16)
    wanted[1, 2] = 0
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.alpha, wanted)
    assert read_rgb8(tmp_path / "x.png")[1, 2].tolist() == [255, 255, 255]


def test_a_profile_is_kept_only_with_the_colours_it_describes(tmp_path: Path) -> None:
    lab = Image.new("LAB", (8, 8), (138, 209, 198))  # L 54, a 81, b 70: pure red
    lab.save(tmp_path / "lab.tif", icc_profile=profile("Lab "))
    picture = read_picture(tmp_path / "lab.tif")
    assert picture.icc is None
    assert np.abs(picture.pixels[4, 4] - np.array([255.0, 0, 0])).max() < 8
    for mode, space in (("RGB", "GRAY"), ("L", "RGB "), ("L", "CMYK"), ("CMYK", "RGB "), ("CMYK", "CMYK")):
        Image.new(mode, (8, 8)).save(tmp_path / "x.tif", icc_profile=profile(space))
        assert read_picture(tmp_path / "x.tif").icc is None, (mode, space)
    for mode, space in (("RGB", "RGB "), ("P", "RGB "), ("L", "GRAY"), ("1", "GRAY"), ("LA", "GRAY")):
        Image.new(mode, (8, 8)).save(tmp_path / "x.png", icc_profile=profile(space))
        assert read_picture(tmp_path / "x.png").icc == profile(space), (mode, space)


def _cmyk_profile() -> bytes:
    """Of an imaginary press: full cyan, whatever else, prints as the Lab colour (50, 0, 0), no cyan as (100, 0, 0).

    An ICC profile of version 2 with one table (lut8, ICC.1:2001-04, 6.5.8) of 2 points along each of the 4 axes.
    """
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536])
    table += bytes(range(256)) * 4 + bytes([255, 128, 128] * 8 + [128, 128, 128] * 8) + bytes(range(256)) * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    header = struct.pack(">I4sI4s4s4s12x4s", 144 + len(table), b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)  # the white of all profiles, D50
    return header.ljust(128, b"\0") + tags + table


def test_cmyk_goes_through_its_profile(tmp_path: Path) -> None:
    for cyan, wanted in ((0, 255), (255, 119)):  # (50, 0, 0) in sRGB
        Image.new("CMYK", (8, 8), (cyan, 90, 0, 200)).save(tmp_path / "x.tif", icc_profile=_cmyk_profile())
        picture = read_picture(tmp_path / "x.tif")
        assert picture.icc is None
        assert np.abs(picture.pixels - float(wanted)).max() <= 2
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "x.tif", icc_profile=_cmyk_profile()[:300])
    assert read_picture(tmp_path / "x.tif").pixels[0, 0].tolist() == [0, 255, 255]  # no profile that can be used


def test_several_pages_are_seen_however_many(tmp_path: Path) -> None:
    pages = [Image.fromarray(COLOUR8), Image.fromarray(COLOUR8 // 2), Image.fromarray(COLOUR8 // 3)]
    for extension in ("tif", "png", "webp", "gif", "avif"):
        path = tmp_path / f"x.{extension}"
        pages[0].save(path)
        assert not read_header(path).several
        pages[0].save(path, save_all=True, append_images=pages[1:])
        assert read_header(path).several
        assert read_picture(path).pixels.shape == (5, 7, 3)
    pages[0].save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=pages[1:])
    assert not read_header(tmp_path / "x.jpg").several  # a phone's previews are no pages


def test_pages_of_a_tiff_are_not_counted_to_the_end(tmp_path: Path) -> None:
    for order, big in (("<", False), (">", True)):
        pages = [COLOUR8[:1, :1]] * 20000
        (tmp_path / "x.tif").write_bytes(tiff(pages, Form(photometric=RGB, order=order, big=big)))
        start = time.perf_counter()
        assert read_header(tmp_path / "x.tif").several and read_picture(tmp_path / "x.tif").pixels.shape == (1, 1, 3)
        assert time.perf_counter() - start < 1  # 14 s to the end


def test_smaller_versions_of_a_page_are_no_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(np.repeat(np.repeat(COLOUR8, 8, 0), 8, 1), photometric="rgb")
        for _ in range(3):
            file.write(COLOUR8, photometric="rgb", subfiletype=1)
    assert not read_header(tmp_path / "pyramid.tif").several
