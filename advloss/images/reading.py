"""Image files as arrays: read with their bit depth, alpha and colour profile, or with the channels of a data set."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advloss.images.formats import FORMATS, PNG
from advloss.images.picture import (
    MAX_PIXELS,
    Depth,
    Header,
    Picture,
    Undecodable,
    UnreadableImage,
    blocks,
    converted,
    flattened,
    to_8bit,
)
from advloss.images.pillow_files import page_count

__all__ = [
    "MAX_PIXELS",
    "Header",
    "Picture",
    "UnreadableImage",
    "blocks",
    "check_colour",
    "extensions",
    "flattened",
    "is_image",
    "list_images",
    "page_count",
    "read_header",
    "read_picture",
    "read_pixels",
    "read_rgb8",
    "to_8bit",
]


def extensions() -> str:
    """The extensions of all formats, for a message: `.png, .jpg, ...`."""
    return ", ".join(FORMATS)


def is_image(path: Path) -> bool:
    """Whether the file's name says that it is a picture. Hidden files are none."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".")


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
    """Size and form without decoding. content: as for `read_picture`."""
    path = Path(path)
    return FORMATS.get(path.suffix.lower(), PNG).header(path, content)  # Pillow knows a file by its bytes


def read_picture(path: str | Path, content: bytes | None = None) -> Picture:
    """The whole picture, EXIF orientation applied; palettes become RGB(A), CMYK and Lab become RGB.

    The first one where the file has several pages (`page_count`). A colour profile is kept where it is one of these
    pixels; CMYK goes through its profile to sRGB. Colours that are multiplied by alpha are divided by it.
    content: the file's bytes, where they don't lie in a file of their own; `path` is then what errors call it.
    Raises `UnreadableImage` (truncated, empty, no picture at all, more than `MAX_PIXELS` pixels).
    """
    path = Path(path)
    return FORMATS.get(path.suffix.lower(), PNG).picture(path, content)


def check_colour(path: str | Path, picture: Picture) -> None:
    """Raises `UnreadableImage` for what is no grey or colour with 8 or 16 bits."""
    if picture.pixels.dtype == np.float32:
        raise UnreadableImage(path, "floating-point samples; save it with 8 or 16 bits a channel")
    if picture.pixels.shape[2] not in (1, 3):
        raise UnreadableImage(path, f"{picture.channels} channels; save it as grey or colour")


def read_pixels(path: str | Path, channels: int, depth: Depth, content: bytes | None = None) -> np.ndarray:
    """The picture for training, [H, W, channels] of that depth; see `converted`. Raises `UnreadableImage`."""
    picture = read_picture(path, content)
    try:
        return converted(picture, channels, depth)
    except Undecodable as error:
        raise UnreadableImage(path, str(error)) from None


def read_rgb8(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """uint8 [H, W, 3]: grey repeated, alpha over white, 16 bits scaled to 8 (not cut)."""
    return read_pixels(path, 3, 8, content)
