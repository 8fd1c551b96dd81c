"""Pictures that come in rows: any blocks give the same file, which is never in memory as a whole."""

import io
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from advloss.core.errors import InputError
from advloss.images.picture import LIMIT, Picture, PictureRows, rows_of
from advloss.images.reading import UnreadableImage, read_header, read_picture
from advloss.images.streamed_writers import write_tiff
from advloss.images.writing import write_picture, write_rows

RNG = np.random.default_rng(0)
KINDS = [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1), (np.uint16, 3)]


def picture(kind: type, channels: int, alpha: bool, height: int = 150, width: int = 9) -> Picture:
    most = np.iinfo(kind).max + 1
    pixels = RNG.integers(0, most, (height, width, channels), kind)
    return Picture(pixels, RNG.integers(0, most, (height, width), kind) if alpha else None)


@pytest.mark.parametrize("extension", ["png", "tif", "npy", "jpg", "webp", "bmp"])
@pytest.mark.parametrize(("kind", "channels"), KINDS)
@pytest.mark.parametrize("alpha", [False, True])
def test_the_blocks_do_not_matter(kind: type, channels: int, alpha: bool, extension: str, tmp_path: Path):
    """Rows that come in blocks of any sizes are read back as those of the whole picture."""
    whole = picture(kind, channels, alpha)
    write_picture(tmp_path / f"whole.{extension}", whole)
    expected = read_picture(tmp_path / f"whole.{extension}")
    stacked = np.concatenate(list(rows_of(whole).rows))
    for number, sizes in enumerate(((150,), (1,) * 150, (63, 2, 64, 21), (64, 64, 22), (149, 1))):
        edges = np.cumsum((0, *sizes))
        rows = [stacked[a:b] for a, b in pairwise(edges)]
        path = tmp_path / f"{number}.{extension}"
        write_rows(path, PictureRows(150, 9, stacked.shape[2], stacked.dtype, iter(rows), alpha))
        made = read_picture(path)
        np.testing.assert_array_equal(made.pixels, expected.pixels)
        assert (made.alpha is None) == (expected.alpha is None)
        if made.alpha is not None:
            np.testing.assert_array_equal(made.alpha, expected.alpha)


@pytest.mark.parametrize(("kind", "channels"), KINDS)
@pytest.mark.parametrize("alpha", [False, True])
def test_a_large_tiff_is_a_big_one(kind: type, channels: int, alpha: bool, tmp_path: Path):
    """Above a number of bytes, which is 4 GiB less some, and here a few."""
    whole = picture(kind, channels, alpha)
    for most, magic in ((10, 43), (rows_of(whole).nbytes * 4, 42)):
        file = io.BytesIO()
        write_tiff(file, rows_of(whole), most)
        assert int.from_bytes(file.getvalue()[2:4], "little") == magic
        read = tifffile.imread(io.BytesIO(file.getvalue()))
        stacked = np.concatenate(list(rows_of(whole).rows))
        if (channels, alpha, kind) == (1, True, np.uint16):
            stacked = stacked[..., [0, 0, 0, 1]]
        np.testing.assert_array_equal(read.reshape(stacked.shape), stacked)


@pytest.mark.parametrize("extension", ["png", "tif", "npy"])
def test_memory_does_not_grow_with_the_picture(extension: str, tmp_path: Path):
    height, width = 6000, 700
    block = RNG.integers(0, 256, (60, width, 3), np.uint8)

    def rows() -> Iterator[np.ndarray]:
        for number in range(height // 60):
            yield block + np.uint8(number)

    tracemalloc.start()
    try:
        write_rows(tmp_path / f"x.{extension}", PictureRows(height, width, 3, block.dtype, rows()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < height * width * 3 / 8
    np.testing.assert_array_equal(read_picture(tmp_path / f"x.{extension}").pixels[-60:], block + np.uint8(99))


@pytest.mark.parametrize("extension", ["png", "tif", "npy", "jpg"])
def test_rows_that_fail_leave_no_file(extension: str, tmp_path: Path):
    def rows() -> Iterator[np.ndarray]:
        yield np.zeros((64, 8, 3), np.uint8)
        raise InputError("the network's output is not a number")

    with pytest.raises(InputError, match="not a number"):
        write_rows(tmp_path / f"x.{extension}", PictureRows(128, 8, 3, np.dtype(np.uint8), rows()))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extension", ["png", "tif", "npy", "jpg", "webp", "bmp"])
def test_the_limit_of_what_is_read_can_be_moved(extension: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / f"x.{extension}"
    monkeypatch.setenv(LIMIT, "199")
    write_picture(path, picture(np.uint8, 3, False, 10, 20))  # it is not for what is written
    with pytest.raises(UnreadableImage, match=f"20x10 pixels, more than the limit of 199; .* set {LIMIT}=200"):
        read_picture(path)
    monkeypatch.setenv(LIMIT, "200")
    assert read_picture(path).pixels.shape == (10, 20, 3) and read_header(path).size == (10, 20)


@pytest.mark.parametrize("said", ["", "0", "-5", "many", "1e9"])
def test_a_limit_that_is_no_number_is_refused(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_picture(tmp_path / "x.png", picture(np.uint8, 3, False, 10, 20))
    monkeypatch.setenv(LIMIT, said)
    with pytest.raises(InputError, match=f"{LIMIT}={said}: is a number of pixels, such as 268435456"):
        read_picture(tmp_path / "x.png")
