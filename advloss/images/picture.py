"""A picture as an array, and its conversion to other channels and another depth."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from advloss.core.errors import InputError
from advloss.images.metadata import NOTHING, Metadata

Depth = Literal[8, 16, "float"]
"""Bits a channel, whole numbers from 0; or floating point."""
DTYPES: dict[Depth, np.dtype] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), "float": np.dtype(np.float32)}
MOST_CHANNELS = 16
MAX_PIXELS = 2**28
"""Larger pictures are not read, unless `LIMIT` says otherwise, since a file of a few kilobytes can decode to
gigapixels. What is written has no such limit."""
LIMIT = "ADVLOSS_MAX_PIXELS"
"""The variable of the environment that replaces `MAX_PIXELS`, in all commands and the processes that they start."""


class UnreadableImage(InputError):
    """One file that can't be read as a picture. The message names it and says why."""

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self.path), self.why)


class Undecodable(Exception):
    """Pixels of a type or shape that can't be read. The message says why, and does not name the file."""


@dataclass(frozen=True)
class Picture:
    """A file's picture with the orientation applied. Its values are not scaled."""

    pixels: np.ndarray  # [H, W, C] uint8, uint16 or float32, C = 1 to 16; 1 or 3 with an alpha
    alpha: np.ndarray | None = None  # [H, W], the same type
    icc: bytes | None = None
    about: Metadata = NOTHING

    @property
    def channels(self) -> int:
        """The number of channels, with alpha."""
        return self.pixels.shape[2] + (self.alpha is not None)


@dataclass(frozen=True)
class PictureRows:
    """A picture that comes in blocks of rows from the top, so that a large one need not be in memory.

    rows: [n, width, channels], alpha as the last channel if there is one. They can be gone through once.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype
    rows: Iterable[np.ndarray]
    alpha: bool = False
    icc: bytes | None = None
    about: Metadata = NOTHING

    @property
    def colours(self) -> int:
        """The number of channels without alpha."""
        return self.channels - self.alpha

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.height * self.width * self.channels * self.dtype.itemsize

    def mapped(self, change: Callable[[np.ndarray], np.ndarray], **fields: Any) -> "PictureRows":
        """The picture with each block of rows changed. fields: what is other after it."""
        return replace(self, rows=map(change, self.rows), **fields)

    def whole(self) -> Picture:
        """The picture in memory, which uses up the rows."""
        pixels = np.empty((self.height, self.width, self.colours), self.dtype)
        alpha = np.empty((self.height, self.width), self.dtype) if self.alpha else None
        top = 0
        for rows in self.rows:
            place = slice(top, top + len(rows))
            pixels[place] = rows[..., : self.colours]
            if alpha is not None:
                alpha[place] = rows[..., -1]
            top = place.stop
        assert top == self.height, f"{top} of {self.height} rows"
        return Picture(pixels, alpha, self.icc, self.about)


def rows_of(picture: Picture) -> PictureRows:
    """A picture in blocks of rows."""
    height, width, _ = picture.pixels.shape
    alpha = picture.alpha is not None
    rows = (stacked(_part(picture, part)) for part in blocks(height))
    return PictureRows(height, width, picture.channels, picture.pixels.dtype, rows, alpha, picture.icc, picture.about)


def _part(picture: Picture, rows: slice) -> Picture:
    return Picture(picture.pixels[rows], None if picture.alpha is None else picture.alpha[rows])


@dataclass(frozen=True)
class Header:
    """What is known of a file before it is decoded."""

    size: tuple[int, int]  # (height, width), with the orientation applied
    mode: str  # in words: "8-bit RGB", "16-bit grey", "palette", ...
    channels: int = 3  # without alpha
    depth: Depth = 8
    alpha: bool = False
    several: bool = False  # further pictures follow in the file; they are not read


def max_pixels() -> int:
    """How many pixels a picture that is read may have. Raises InputError if `LIMIT` is set to no number."""
    said = os.environ.get(LIMIT, str(MAX_PIXELS))
    if not said.isdecimal() or not int(said):
        raise InputError(f"{LIMIT}={said}: is a number of pixels, such as {MAX_PIXELS}")
    return int(said)


def depth_of(dtype: np.dtype) -> Depth:
    """The depth of an array's type. Raises `Undecodable` for a type that is not supported."""
    if dtype.kind == "f":
        return "float"
    if dtype not in (np.uint8, np.uint16):
        raise Undecodable(f"{dtype} samples; only uint8, uint16 and floating point can be read")
    return 8 if dtype == np.uint8 else 16


def picture_of(array: np.ndarray) -> Picture:
    """An array [H, W] or [H, W, C] as a picture; floating point becomes float32.

    Raises `Undecodable` for other shapes and types, and for values that are not finite.
    """
    check_shape(array.shape)
    depth = depth_of(array.dtype)
    array = np.ascontiguousarray(array if array.ndim == 3 else array[..., None], dtype=DTYPES[depth])
    if depth == "float" and not np.isfinite(array).all():
        raise Undecodable("holds values that are not finite")
    return Picture(array)


def stacked(picture: Picture) -> np.ndarray:
    """[H, W, C] with alpha as the last channel."""
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[..., None]], axis=2)


def check_shape(shape: tuple[int, ...]) -> None:
    """Raises `Undecodable` unless an array of this shape is a picture: [H, W], or [H, W, C] with 1 to 16 channels."""
    if len(shape) not in (2, 3) or not all(shape) or (len(shape) == 3 and shape[2] > MOST_CHANNELS):
        raise Undecodable(
            f"an array of shape {list(shape)}; a picture is [H, W] or [H, W, C], its 1 to {MOST_CHANNELS} channels last"
        )


def converted(picture: Picture, channels: int, depth: Depth) -> np.ndarray:
    """The picture's pixels [H, W, channels] of that depth.

    Grey is repeated for 3 channels, colour becomes grey by the weights of ITU-R BT.601. Alpha is laid over white,
    unless 2 or 4 channels are asked for: then it is the last channel, opaque if the picture has none. 16 bits are
    rounded to 8 (65535 becomes 255), and 8 become 16. Whole numbers become equal floating-point numbers.
    Raises `Undecodable` for channels that can't be made, and if whole numbers are asked for of floating point.
    """
    pixels = _with_channels(picture, channels)
    if DTYPES[depth] == pixels.dtype:
        return pixels
    if depth == "float":
        return pixels.astype(np.float32)
    if pixels.dtype == np.float32:
        raise Undecodable(f"floating-point samples, which can't be made {depth} bits; say data.depth=float")
    return to_8bit(pixels) if depth == 8 else pixels.astype(np.uint16) * np.uint16(257)


def _with_channels(picture: Picture, channels: int) -> np.ndarray:
    if channels in (2, 4) and picture.pixels.shape[2] in (1, 3):
        colour = _with_colours(picture.pixels, channels - 1)
        alpha = picture.alpha
        if alpha is None:
            if picture.pixels.dtype == np.float32:
                raise Undecodable(f"{picture.channels} channels, and {channels} are asked for (data.channels)")
            alpha = np.full(colour.shape[:2], np.iinfo(colour.dtype).max, colour.dtype)
        return np.concatenate([colour, alpha[..., None]], axis=2)
    return _with_colours(flattened(picture).pixels, channels)


def _with_colours(pixels: np.ndarray, channels: int) -> np.ndarray:
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if (have, channels) == (1, 3):
        return np.repeat(pixels, 3, axis=2)
    if (have, channels) == (3, 1):
        grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)  # [H, W]
        return (grey if pixels.dtype == np.float32 else grey.round().astype(pixels.dtype))[..., None]
    raise Undecodable(f"{have} channels, and {channels} are asked for (data.channels)")


def flattened(picture: Picture) -> Picture:
    """The picture without alpha, laid over white and rounded."""
    if picture.alpha is None:
        return picture
    top = np.uint32(np.iinfo(picture.pixels.dtype).max)
    over = np.empty_like(picture.pixels)
    for rows in blocks(len(over)):
        alpha = picture.alpha[rows, :, None].astype(np.uint32)
        over[rows] = (picture.pixels[rows] * alpha + top * (top - alpha) + top // 2) // top  # top * top + top < 2**32
    return replace(picture, pixels=over, alpha=None)


def to_8bit(array: np.ndarray) -> np.ndarray:
    """uint16 to uint8, rounded to the nearest: 65535 becomes 255."""
    if array.dtype == np.uint8:
        return array
    rounded = np.empty(array.shape, np.uint8)
    for rows in blocks(len(array)):
        rounded[rows] = (array[rows].astype(np.uint32) + 128) // 257
    return rounded


def blocks(rows: int, size: int = 64) -> Iterator[slice]:
    """Slices of up to `size` rows of a picture, so that a computation in a wider type takes little memory."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
