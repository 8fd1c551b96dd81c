"""PNG files, and TIFF files with 16 bits a channel, written a few rows at a time.

Pillow has no 16-bit colour, and OpenCV writes neither a colour profile nor grey with alpha. Pillow holds Python's lock
while it compresses an 8-bit PNG, so that the network would wait for the thread that writes. Formats: the PNG
specification (W3C, third edition) and TIFF 6.0 (Adobe 1992, sections 2, 14 and 18; deflate as in its supplement of
2002).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from advloss.images.metadata import png_chunks
from advloss.images.picture import Picture, blocks

PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
UP = 2
"""PNG's filter `Up`: each byte minus the one above it. It is the fastest, and its files are about as small."""
PNG_LEVEL = 3
"""The level of zlib. On photographs enlarged twice it takes a quarter of Pillow's time, for files that are 6%
larger."""
SHORT, LONG, UNDEFINED = 3, 4, 7
"""TIFF's types of values: 16 bits, 32 bits, bytes."""


def write_png(file: BinaryIO, picture: Picture) -> None:
    """uint8 or uint16, 1 to 4 channels with alpha among them, as a PNG with its colour profile."""
    height, width, channels = _shape(picture)
    size = picture.pixels.dtype.itemsize
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * size, PNG_COLOUR_TYPES[channels], 0, 0, 0))
    if picture.icc:
        _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    for name, data in png_chunks(picture.about):
        _chunk(file, name, data)
    packed = zlib.compressobj(PNG_LEVEL)
    above = np.zeros((1, width * channels * size), np.uint8)  # the first row's
    for rows in _rows(picture):
        plain = rows.astype(f">u{size}", order="C").view(np.uint8).reshape(len(rows), -1)  # [n, bytes of a row]
        filtered = np.empty((len(rows), 1 + plain.shape[1]), np.uint8)
        filtered[:, 0] = UP
        np.subtract(plain, np.concatenate([above, plain[:-1]]), out=filtered[:, 1:])
        above = plain[-1:]
        if data := packed.compress(filtered.data):
            _chunk(file, b"IDAT", data)
    _chunk(file, b"IDAT", packed.flush())
    _chunk(file, b"IEND", b"")


def write_tiff(file: BinaryIO, picture: Picture) -> None:
    """uint16 [H, W, 1 or 3] with alpha or without, as a little-endian TIFF of deflated strips with its colour profile.

    Grey with alpha becomes RGBA, since Pillow can't open a TIFF of 16-bit grey with alpha.
    """
    height, width, channels = _shape(picture)
    grey = channels == 1
    channels = 4 if channels == 2 else channels
    file.write(b"II*\0" + bytes(4))  # the place of the directory is filled in at the end
    offsets, sizes = [], []
    for rows in _rows(picture):
        whole = rows if rows.shape[2] == channels else rows[..., [0, 0, 0, 1]]
        predicted = whole.astype("<u2", order="C")
        predicted[:, 1:] -= whole[:, :-1]  # predictor 2: each sample less the one a pixel before it
        data = zlib.compress(predicted.data, zlib.Z_BEST_SPEED)
        offsets.append(file.tell())
        sizes.append(file.write(data))
    entries: list[tuple[int, int, list[int] | bytes]] = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [16] * channels),
        (259, SHORT, [8]),  # deflate
        (262, SHORT, [1 if grey else 2]),  # black is 0, or RGB
        (273, LONG, offsets),
        (277, SHORT, [channels]),
        (278, LONG, [next(blocks(height)).stop]),  # rows a strip
        (279, LONG, sizes),
        (284, SHORT, [1]),  # the channels of a pixel stand together
        (317, SHORT, [2]),
    ]
    if channels == 4:
        entries.append((338, SHORT, [2]))  # alpha that the colours are not multiplied by
    if picture.icc:
        entries.append((34675, UNDEFINED, picture.icc))
    _directory(file, entries)


def _directory(file: BinaryIO, entries: list[tuple[int, int, list[int] | bytes]]) -> None:
    """Writes a TIFF's directory at the end of the file, after the values that are longer than 4 bytes."""
    table = b""
    for tag, kind, values in entries:
        data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{'HI'[kind == LONG]}", *values)
        if len(data) > 4:
            place = struct.pack("<I", _aligned(file))
            file.write(data)
            data = place
        table += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    start = _aligned(file)
    file.write(struct.pack("<H", len(entries)) + table + bytes(4))
    file.seek(4)
    file.write(struct.pack("<I", start))


def _aligned(file: BinaryIO) -> int:
    """The end of the file, padded to an even offset, as TIFF wants for its values."""
    if file.tell() % 2:
        file.write(b"\0")
    return file.tell()


def _chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def _shape(picture: Picture) -> tuple[int, int, int]:
    height, width, channels = picture.pixels.shape
    return height, width, channels + (picture.alpha is not None)


def _rows(picture: Picture) -> Iterator[np.ndarray]:
    """Colour and alpha together, [up to 64, W, 1 to 4]."""
    for rows in blocks(len(picture.pixels)):
        if picture.alpha is None:
            yield picture.pixels[rows]
        else:
            yield np.concatenate([picture.pixels[rows], picture.alpha[rows, :, None]], axis=2)
