"""Every format holds what it says that it holds to the bit, and a script can add one that is read."""

from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.images import FORMATS, Format
from advloss.images.picture import DTYPES, Depth, Picture, Undecodable, converted, stacked
from advloss.images.reading import UnreadableImage, list_images, read_header, read_picture, read_pixels
from advloss.images.writing import write_picture

CHANNELS = (1, 2, 3, 4, 5, 16)
DEPTHS: tuple[Depth, ...] = (8, 16, "float")


def array(channels: int, depth: Depth, height: int = 20, width: int = 31) -> np.ndarray:
    rng = np.random.default_rng(channels)
    if depth == "float":
        return rng.standard_normal((height, width, channels)).astype(np.float32)
    return rng.integers(0, 2**depth, (height, width, channels)).astype(DTYPES[depth])


@pytest.mark.parametrize("extension", [".png", ".tif", ".npy"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_what_a_format_can_hold_comes_back_to_the_bit(
    tmp_path: Path, channels: int, depth: Depth, extension: str
) -> None:
    pixels, form, path = array(channels, depth), FORMATS[extension], tmp_path / f"x{extension}"
    if channels not in form.channels or depth not in form.depths:
        with pytest.raises(InputError, match=r"use \.tif or \.npy"):
            write_picture(path, Picture(pixels))
        assert not path.exists()
        return
    write_picture(path, Picture(pixels))
    assert np.array_equal(stacked(read_picture(path)), pixels) and stacked(read_picture(path)).dtype == pixels.dtype
    assert np.array_equal(stacked(read_picture(path, path.read_bytes())), pixels)
    assert np.array_equal(read_pixels(path, channels, depth), pixels)
    header = read_header(path)
    assert header == read_header(path, path.read_bytes())
    assert (header.size, header.channels + header.alpha, header.depth) == ((20, 31), channels, depth)


@pytest.mark.parametrize(
    ("shape", "dtype", "says"),
    [
        ((3, 40, 40), "u1", r"shape \[3, 40, 40\]; a picture is \[H, W\] or \[H, W, C\]"),
        ((40,), "u1", r"shape \[40\]"),
        ((0, 40), "u1", r"shape \[0, 40\]"),
        ((2, 4, 4, 3), "u1", r"shape \[2, 4, 4, 3\]"),
        ((8, 8), "i2", "int16 samples; only uint8, uint16 and floating point"),
        ((8, 8), "?", "bool samples"),
    ],
)
def test_arrays_that_are_no_picture(tmp_path: Path, shape: tuple[int, ...], dtype: str, says: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape, dtype))
    for look in (read_header, read_picture):
        with pytest.raises(UnreadableImage, match=rf"x\.npy: .*{says}"):
            look(tmp_path / "x.npy")


@pytest.mark.parametrize("extension", [".npy", ".tif"])
def test_damaged_files_are_named(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"x{extension}"
    write_picture(path, Picture(array(5, "float")))
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:9], b"something else"):
        path.write_bytes(content)
        with pytest.raises(UnreadableImage, match=r"x\."):
            read_picture(path)


@pytest.mark.parametrize("extension", [".npy", ".tif"])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, extension: str) -> None:
    pixels = array(1, "float")
    pixels[3, 4] = np.nan
    write_picture(tmp_path / f"x{extension}", Picture(pixels))
    with pytest.raises(UnreadableImage, match="values that are not finite"):
        read_picture(tmp_path / f"x{extension}")


def test_objects_in_a_npy_file_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableImage, match=r"x\.npy"):
        read_picture(tmp_path / "x.npy")


def test_a_format_of_ones_own_is_read_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, ".raw", Format("RAW", decode=lambda b: np.frombuffer(b, "u2").reshape(4, -1)))
    pixels = array(1, 16, 4, 6)
    (tmp_path / "x.raw").write_bytes(pixels.tobytes())
    (tmp_path / "bad.raw").write_bytes(pixels.tobytes()[:-2])
    assert [path.name for path in list_images(tmp_path)] == ["bad.raw", "x.raw"]
    assert np.array_equal(read_picture(tmp_path / "x.raw").pixels, pixels)
    assert (read_header(tmp_path / "x.raw").size, read_header(tmp_path / "x.raw").depth) == ((4, 6), 16)
    with pytest.raises(UnreadableImage, match=r"bad\.raw: damaged: cannot reshape"):
        read_picture(tmp_path / "bad.raw")
    with pytest.raises(InputError, match=r"can't write '\.raw'; use one of \.png"):
        write_picture(tmp_path / "y.raw", Picture(pixels))


GREY, COLOUR, ALPHA = array(1, 8), array(3, 8), array(1, 8)[..., 0]


@pytest.mark.parametrize(
    ("picture", "channels", "depth", "wanted"),
    [
        (Picture(GREY), 3, 8, np.repeat(GREY, 3, 2)),
        (Picture(GREY), 1, 16, GREY.astype(np.uint16) * 257),
        (Picture(GREY.astype(np.uint16) * 257), 1, 8, GREY),
        (Picture(GREY), 1, "float", GREY.astype(np.float32)),
        (Picture(GREY), 2, 8, np.concatenate([GREY, np.full_like(GREY, 255)], 2)),
        (Picture(COLOUR, ALPHA), 4, 8, np.concatenate([COLOUR, ALPHA[..., None]], 2)),
        (Picture(COLOUR, np.zeros_like(ALPHA)), 3, 8, np.full_like(COLOUR, 255)),
        (Picture(np.full_like(COLOUR, 7)), 1, 8, np.full_like(GREY, 7)),
    ],
)
def test_channels_and_depth_that_are_asked_for(
    picture: Picture, channels: int, depth: Depth, wanted: np.ndarray
) -> None:
    made = converted(picture, channels, depth)
    assert made.dtype == DTYPES[depth] and np.array_equal(made, wanted)


@pytest.mark.parametrize(("have", "asked"), [(5, 3), (3, 5), (1, 16), (16, 4)])
def test_channels_that_cannot_be_made(have: int, asked: int) -> None:
    with pytest.raises(Undecodable, match=rf"{have} channels, and {asked} are asked for \(data.channels\)"):
        converted(Picture(array(have, 8)), asked, 8)


def test_floating_point_is_not_cut_to_bits() -> None:
    with pytest.raises(Undecodable, match=r"say data\.depth=float"):
        converted(Picture(array(1, "float")), 1, 8)
