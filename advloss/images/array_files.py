"""Files of arrays: numpy's .npy."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np

from advloss.images.picture import Header, Picture, PictureRows, check_shape, depth_of, picture_of
from advloss.images.pillow_files import check_not_empty, check_pixels, naming


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


def header(shape: tuple[int, ...], dtype: np.dtype) -> Header:
    """The header of a file that holds an array of this shape, [H, W] or [H, W, C], and type."""
    channels, depth = (shape[2] if len(shape) == 3 else 1), depth_of(dtype)
    bits = "float" if depth == "float" else f"{depth}-bit"
    return Header((shape[0], shape[1]), f"{bits} with {channels} channel{'s' * (channels > 1)}", channels, depth)
