"""Written pictures keep what they hold, as far as the format can."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from advloss.core.errors import InputError
from advloss.images.reading import Picture, flattened, read_picture, read_rgb8, to_8bit
from advloss.images.writing import check_size, write_picture
from tests.data.pictures import profile

RNG = np.random.default_rng(0)
COLOUR8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
COLOUR16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


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
    icc = profile("GRAY" if pixels.shape[2] == 1 else "RGB ")
    for alpha in (None, pixels[..., 0]):
        write_picture(path, Picture(pixels, alpha, icc))
        back = read_picture(path)
        becomes_rgba = back.pixels.shape[2] != pixels.shape[2]
        assert back.icc == (None if becomes_rgba else icc)
        if becomes_rgba:
            with Image.open(path) as image:
                assert "icc_profile" not in image.info  # it would be grey's, in a file with three colours
        np.testing.assert_array_equal(back.pixels[..., :1], pixels[..., :1])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (63, 5), (64, 5), (65, 5), (200, 3)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("depth", "extensions"), [(np.uint8, ("png",)), (np.uint16, ("png", "tif"))])
def test_our_own_files_of_any_size_as_opencv_reads_them(
    tmp_path: Path, size: tuple[int, int], channels: int, depth: type, extensions: tuple[str, ...]
) -> None:
    top = np.iinfo(depth).max
    pixels = RNG.integers(0, top, (*size, channels), dtype=depth, endpoint=True)
    alpha = RNG.integers(0, top, size, dtype=depth, endpoint=True)
    for extension, with_alpha in itertools.product(extensions, (None, alpha)):
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
        with pytest.raises(InputError, match=rf"{name}: {width}x1 pixels, and a {most} a side; use PNG or TIFF"):
            write_picture(tmp_path / name, Picture(np.zeros((1, width, 3), np.uint8)))
        check_size(tmp_path / name, 1, width - 1)
    for extension in ("png", "tif"):
        check_size(tmp_path / f"x.{extension}", 160_000, 240_000)
        with pytest.raises(InputError, match="has at most 2147483647 a side"):
            check_size(tmp_path / f"x.{extension}", 1, 2**31)
    assert not list(tmp_path.iterdir())


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


def test_rounding_and_flattening_of_pictures_longer_than_a_block(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (150, 7, 3), dtype=np.uint16)
    alpha = RNG.integers(0, 65536, (150, 7), dtype=np.uint16)
    np.testing.assert_array_equal(to_8bit(pixels), np.round(pixels / 257).astype(np.uint8))
    share = alpha[..., None] / 65535
    over = flattened(Picture(pixels, alpha)).pixels
    np.testing.assert_array_equal(over, np.floor(pixels * share + 65535 * (1 - share) + 0.5).astype(np.uint16))
