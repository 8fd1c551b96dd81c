"""Files of arrays: numpy's .npy, and TIFF with the channels and samples that Pillow can't hold (by tifffile)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from advloss.images import decoding, pillow_files
from advloss.images.picture import Header, Picture, PictureRows, check_shape, depth_of, picture_of
from advloss.images.pillow_files import check_not_empty, check_pixels, naming
from advloss.images.streamed_writers import UNSPECIFIED


def npy_header(path: Path, content: bytes | None) -> Header:
    """The header of a .npy file [H, W] or [H, W, C]. The values are not read."""
    with naming(path):
        array = _npy(path, content)
        check_shape(array.shape)
        return header(array.shape, array.dtype)


def npy_read(path: Path, content: bytes | None) -> Picture:
    """Reads a .npy file [H, W] or [H, W, C] of uint8, uint16 or floating point."""
    with naming(path):
        array = _npy(path, content)
        check_shape(array.shape)
        check_pixels(path, *array.shape[:2])
        return picture_of(np.array(array))


def npy_write(file: BinaryIO, picture: PictureRows) -> None:
    """Writes [H, W, C] with alpha as the last channel, or [H, W] if there is one channel, as the rows come."""
    shape = (picture.height, picture.width, picture.channels)[: 2 if picture.channels == 1 else 3]
    head = {"descr": np.lib.format.dtype_to_descr(picture.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    for rows in picture.rows:
        file.write(np.ascontiguousarray(rows).data)


def _npy(path: Path, content: bytes | None) -> np.ndarray:
    check_not_empty(path, content)
    if content is not None:
        return np.load(io.BytesIO(content), allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def tiff_header(path: Path, content: bytes | None) -> Header:
    """The header of a TIFF, which is not decoded."""
    with _array_page(path, content) as page:
        if page is None:
            return pillow_files.header(path, content)
        height, width = page.imagelength, page.imagewidth
        if _orientation(page) >= 5:
            height, width = width, height
        return header((height, width, page.samplesperpixel), page.dtype)


def tiff_read(path: Path, content: bytes | None) -> Picture:
    """Reads a TIFF of any number of channels and depth."""
    with _array_page(path, content) as page:
        if page is None:
            return pillow_files.read(path, content)
        check_pixels(path, page.imagelength, page.imagewidth)
        array = page.asarray()
        if page.samplesperpixel > 1 and page.axes.startswith("S"):  # the channels lie one after the other
            array = np.moveaxis(array, 0, -1)
        return picture_of(decoding.turned(array, _orientation(page)))


def header(shape: tuple[int, ...], dtype: np.dtype) -> Header:
    """The header of a file that holds an array of this shape, [H, W] or [H, W, C], and type."""
    channels, depth = (shape[2] if len(shape) == 3 else 1), depth_of(dtype)
    bits = "float" if depth == "float" else f"{depth}-bit"
    return Header((shape[0], shape[1]), f"{bits} with {channels} channel{'s' * (channels > 1)}", channels, depth)


@contextmanager
def _array_page(path: Path, content: bytes | None) -> Iterator[Any]:
    """The first page of a TIFF that Pillow can't read without loss; None for all other files."""
    import tifffile

    with naming(path):
        check_not_empty(path, content)
        try:
            file: Any = tifffile.TiffFile(path if content is None else io.BytesIO(content))
            page: Any = file.pages[0]
        except (tifffile.TiffFileError, IndexError, ValueError, KeyError, TypeError):
            file = page = None  # damaged or no TIFF: Pillow's reader says so
        try:
            yield page if page is not None and _needs_tifffile(page) else None
        finally:
            if file is not None:
                file.close()


def _needs_tifffile(page: Any) -> bool:
    """Whether Pillow has no mode for these samples, or would lose channels."""
    if page.dtype is None:
        return False
    if page.dtype.kind == "f" or page.samplesperpixel > 4:
        return True
    return page.photometric == 1 and page.samplesperpixel > 1 and not _alpha(page)


def _alpha(page: Any) -> bool:
    return any(extra != UNSPECIFIED for extra in page.extrasamples)


def _orientation(page: Any) -> int:
    tag = page.tags.get(decoding.ORIENTATION)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1
