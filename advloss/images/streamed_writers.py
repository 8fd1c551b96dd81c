"""PNG and TIFF files, written a few rows at a time, so that a picture of any size takes little memory.

Pillow has no 16-bit colour, OpenCV writes neither a colour profile nor grey with alpha; both want the whole picture.
Pillow holds Python's lock while it compresses an 8-bit PNG, so that the network would wait for the thread that writes.
Formats: the PNG specification (W3C, third edition) and TIFF 6.0 (Adobe 1992, section 14), above 4 GiB BigTIFF.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from advloss.images.metadata import png_chunks
from advloss.images.picture import PictureRows, blocks
from advloss.images.tiff_form import UNSPECIFIED

PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
UP = 2
"""PNG's filter `Up`: each byte minus the one above it. It is the fastest, and its files are about as small."""
PNG_LEVEL = 3
"""The level of zlib. On photographs enlarged twice it takes a quarter of Pillow's time, for files that are 6%
larger."""
TIFF_MOST = (1 << 32) - (1 << 26)
"""Bytes of pixels from which a TIFF is a BigTIFF: the offsets of others are of 32 bits. Compressed, pixels may grow a
little."""
STRIP = 64
"""Rows of a TIFF's strip."""


def write_png(file: BinaryIO, picture: PictureRows) -> None:
    """uint8 or uint16, 1 to 4 channels with alpha among them, as a PNG with its colour profile."""
    size = picture.dtype.itemsize
    file.write(b"\x89PNG\r\n\x1a\n")
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8 * size, PNG_COLOUR_TYPES[picture.channels], 0, 0, 0)
    _chunk(file, b"IHDR", head)
    if picture.icc:
        _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    for name, data in png_chunks(picture.about):
        _chunk(file, name, data)
    packed = zlib.compressobj(PNG_LEVEL)
    above = np.zeros((1, picture.width * picture.channels * size), np.uint8)  # the first row's
    for rows in _small(picture):
        plain = rows.astype(f">u{size}", order="C").view(np.uint8).reshape(len(rows), -1)  # [n, bytes of a row]
        filtered = np.empty((len(rows), 1 + plain.shape[1]), np.uint8)
        filtered[:, 0] = UP
        np.subtract(plain, np.concatenate([above, plain[:-1]]), out=filtered[:, 1:])
        above = plain[-1:]
        if data := packed.compress(filtered.data):
            _chunk(file, b"IDAT", data)
    _chunk(file, b"IDAT", packed.flush())
    _chunk(file, b"IEND", b"")


def write_tiff(file: BinaryIO, picture: PictureRows, most: int = TIFF_MOST) -> None:
    """Any number of channels and depth as a TIFF of deflated strips, with its colour profile.

    1 and 3 channels, also with alpha, are grey and RGB; other numbers are plain channels. 16-bit grey with alpha
    becomes RGBA, since Pillow can't open the other. most: bytes of pixels from which it is a BigTIFF.
    """
    import tifffile  # late: few files need it

    grey = picture.colours == 1
    if grey and picture.alpha and picture.dtype == np.uint16:
        picture, grey = picture.mapped(lambda rows: rows[..., [0, 0, 0, 1]], channels=4), False
    coloured = picture.colours in (1, 3) and picture.dtype != np.float32
    plain = picture.channels - 1
    with tifffile.TiffWriter(file, bigtiff=picture.nbytes > most) as tiff:
        tiff.write(
            _strips(picture, coloured),
            shape=(picture.height, picture.width, picture.channels)[: 2 if picture.channels == 1 else 3],
            dtype=picture.dtype,
            photometric="rgb" if coloured and not grey else "minisblack",
            planarconfig="contig" if picture.channels > 1 else None,
            extrasamples=(["unassalpha"] if picture.alpha else None) if coloured else [UNSPECIFIED] * plain or None,
            rowsperstrip=STRIP,
            compression="zlib",
            predictor=coloured,
            metadata=None,
            software=False,
            iccprofile=picture.icc if coloured else None,
        )


def _strips(picture: PictureRows, predicted: bool) -> Iterator[bytes]:
    """A TIFF's strips, deflated. predicted: each sample less the one a pixel before it, which is predictor 2."""
    for rows in _of_size(picture, STRIP):
        little = rows.astype(rows.dtype.newbyteorder("<"), order="C")
        if predicted:
            little[:, 1:] -= rows[:, :-1]
        yield zlib.compress(little.data, zlib.Z_BEST_SPEED)


def _of_size(picture: PictureRows, size: int) -> Iterator[np.ndarray]:
    """The rows of a picture in blocks of `size`; the last may be smaller."""
    kept: list[np.ndarray] = []
    count = 0
    for rows in _small(picture):
        while count + len(rows) >= size:
            whole, rows = rows[: size - count], rows[size - count :]
            yield np.concatenate([*kept, whole])
            kept, count = [], 0
        if len(rows):
            kept.append(rows)
            count += len(rows)
    if kept:
        yield np.concatenate(kept)


def _small(picture: PictureRows) -> Iterator[np.ndarray]:
    """The rows of a picture in blocks that are small enough to be copied."""
    for rows in picture.rows:
        yield from (rows[part] for part in blocks(len(rows)))


def _chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
