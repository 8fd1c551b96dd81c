"""Image files as arrays: read with their bit depth, alpha and colour profile, or as 8-bit RGB for training.

Pillow decodes. Colour with 16 bits a channel, which Pillow cuts to 8 without a word, goes through OpenCV.
"""

import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from advloss.core.errors import InputError
from advloss.images import decoding
from advloss.images.decoding import Undecodable

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
PAGED = ("TIFF", "PNG", "WEBP")
"""Formats whose files may hold several pictures, of which the first is read."""
MAX_PIXELS = 2**28
"""Larger pictures are refused before they are decoded: a few kilobytes can claim to be gigapixels."""

_PILLOW_LIMIT = threading.Lock()


class UnreadableImage(InputError):
    """One file that can't be read as a picture. The message names it and says why."""

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self.path), self.why)


@dataclass(frozen=True)
class Picture:
    """A picture the right way up: what a file holds, and nothing scaled or converted that need not be."""

    pixels: np.ndarray  # [H, W, C] uint8 or uint16, C = 1 or 3
    alpha: np.ndarray | None = None  # [H, W], the same type
    icc: bytes | None = None


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: tuple[int, int]  # (height, width), the right way up
    mode: str  # in words: "8-bit RGB", "16-bit grey", "palette", ...


def is_image(path: Path) -> bool:
    """Whether the file's name says that it is a picture. Hidden files are none."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


def list_images(
    folder: Path, recursive: bool = True, unreadable: Callable[[OSError], None] | None = None
) -> list[Path]:
    """The pictures in a folder, sorted; hidden files and folders are left out, links to folders not followed.

    unreadable: told of each folder that can't be listed; such folders are passed over if it is not given.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found += [path for path in map(Path(place).joinpath, names) if is_image(path) and _may_be_read(path)]
    return sorted(found)


def _may_be_read(path: Path) -> bool:
    """Whether it is a file, and no pipe or link to nowhere; where it can't be known, whoever reads it is told why."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def read_header(path: str | Path, content: bytes | None = None) -> Header:
    """Size and mode without decoding. content: as for `read_picture`."""
    with _opened(Path(path), content) as image:
        width, height = image.size
        # Pillow has turned a TIFF's size already, and no other format's.
        if image.format != "TIFF" and decoding.orientation(image) >= 5:
            width, height = height, width
        return Header((height, width), decoding.mode_words(image))


def page_count(path: Path) -> int:
    """How many pictures a TIFF, or an animated PNG or WebP, holds; 1 for other files, and where it can't be known.

    A phone's JPEG may hold previews beside its picture, which are none.
    """
    try:
        with _opened(path, None) as image:
            return int(getattr(image, "n_frames", 1)) if image.format in PAGED else 1
    except UnreadableImage:
        return 1


def read_picture(path: str | Path, content: bytes | None = None) -> Picture:
    """The whole picture, EXIF orientation applied; palettes become RGB(A), CMYK and Lab become RGB.

    The first one where the file has several pages (`page_count`). A colour profile is kept where it is one of these
    pixels; CMYK goes through its profile to sRGB. Colours that are multiplied by alpha are divided by it.
    content: the file's bytes, where they don't lie in a file of their own; `path` is then what errors call it.
    Raises `UnreadableImage` (truncated, empty, no picture at all, more than `MAX_PIXELS` pixels, floating point).
    """
    path = Path(path)
    with _opened(path, content) as image:
        orientation, deep, grey = decoding.orientation(image), decoding.is_deep(image), decoding.is_grey(image)
        inverted, covered = decoding.inverted_grey(image), decoding.is_covered(image)
        _load(image)
        # Pillow resets a TIFF's; a PNG's may stand at the end
        orientation = max(orientation, decoding.orientation(image))
        icc = decoding.profile(image, grey)
        if deep and image.mode[0] in "RL":  # Pillow has decoded the file, so it is whole
            encoded = np.fromfile(path, np.uint8) if content is None else np.frombuffer(content, np.uint8)
            pixels, alpha = decoding.deep_colour(encoded, grey, covered)
            alpha = None if alpha is None else decoding.turned(alpha, orientation)
            return Picture(decoding.turned(pixels, orientation), alpha, icc)
        if image.mode.startswith("I"):
            pixels, alpha = decoding.integers(ImageOps.exif_transpose(image))
            return Picture(65535 - pixels if inverted else pixels, alpha, icc)
        if image.mode == "F":
            raise Undecodable("floating-point samples; save it with 8 or 16 bits a channel")
        array = np.asarray(ImageOps.exif_transpose(decoding.simplified(image)))
    if array.ndim == 2:
        return Picture(array[..., None], None, icc)
    if array.shape[2] in (2, 4):
        return Picture(array[..., :-1], array[..., -1], icc)
    return Picture(array, None, icc)


def read_rgb8(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """The picture for training: uint8 [H, W, 3], grey repeated, alpha over white, 16 bits scaled to 8 (not cut)."""
    picture = flattened(read_picture(path, content))
    pixels = to_8bit(picture.pixels)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def flattened(picture: Picture) -> Picture:
    """The picture without alpha, laid over white and rounded."""
    if picture.alpha is None:
        return picture
    top = np.uint32(np.iinfo(picture.pixels.dtype).max)
    over = np.empty_like(picture.pixels)
    for rows in blocks(len(over)):
        alpha = picture.alpha[rows, :, None].astype(np.uint32)
        over[rows] = (picture.pixels[rows] * alpha + top * (top - alpha) + top // 2) // top  # top * top + top < 2**32
    return Picture(over, None, picture.icc)


def to_8bit(array: np.ndarray) -> np.ndarray:
    """uint16 to uint8, rounded to the nearest: 65535 becomes 255."""
    if array.dtype == np.uint8:
        return array
    rounded = np.empty(array.shape, np.uint8)
    for rows in blocks(len(array)):
        rounded[rows] = (array[rows].astype(np.uint32) + 128) // 257
    return rounded


def blocks(rows: int, size: int = 64) -> Iterator[slice]:
    """A picture's rows, a few at a time: what is computed in a wider type then takes little memory beside it."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


@contextmanager
def _opened(path: Path, content: bytes | None) -> Iterator[Image.Image]:
    """The file's header, checked; whatever goes wrong inside, decoding included, names the file and why."""
    try:
        if not (path.stat().st_size if content is None else content):
            raise UnreadableImage(path, "the file is empty (0 bytes)")
        with _without_pillows_limit():
            image = Image.open(path if content is None else io.BytesIO(content))
        with image:
            if image.width * image.height > MAX_PIXELS:
                why = f"{image.width}x{image.height} pixels, more than the limit of {MAX_PIXELS:,}"
                raise UnreadableImage(path, f"{why}; not decoded")
            yield image
    except InputError:
        raise
    except Undecodable as error:
        raise UnreadableImage(path, str(error)) from None
    except UnidentifiedImageError as error:
        raise UnreadableImage(path, "not a picture in a format that can be read, whatever its name says") from error
    except FileNotFoundError as error:
        raise UnreadableImage(path, "no such file") from error
    except PermissionError as error:
        raise UnreadableImage(path, f"can't be read ({error.strerror})") from error
    except MemoryError as error:
        raise UnreadableImage(path, "there is not enough memory to decode it") from error
    except Exception as error:  # Pillow's plugins raise a dozen kinds
        why = str(error) or type(error).__name__
        raise UnreadableImage(path, f"truncated: {why}" if "truncated" in why else f"damaged: {why}") from error


@contextmanager
def _without_pillows_limit() -> Iterator[None]:
    """Pillow's limit warns or raises below ours and is the whole process's: lifted just while it is looked at."""
    with _PILLOW_LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _load(image: Image.Image) -> None:
    if image.format == "TIFF" and image.width * image.height > 2**26:  # asks for the limit again
        with _without_pillows_limit():
            image.load()
    else:
        image.load()
