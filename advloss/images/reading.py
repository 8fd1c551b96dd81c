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
    """The pictures in a folder, sorted. Hidden files and folders are skipped, links to folders are not followed.

    unreadable: called with the error of each folder that can't be listed; by default such folders are skipped.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found += [path for path in map(Path(place).joinpath, names) if is_image(path) and _may_be_read(path)]
    return sorted(found)


def _may_be_read(path: Path) -> bool:
    """Whether the path is a file, and not a pipe or a broken link. True if that can't be known: to read it will
    raise."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def read_header(path: str | Path, content: bytes | None = None) -> Header:
    """The header of a file, which is not decoded. content: as for `read_picture`."""
    path = Path(path)
    return FORMATS.get(path.suffix.lower(), PNG).header(path, content)  # Pillow knows a file by its bytes


def read_picture(path: str | Path, content: bytes | None = None) -> Picture:
    """The whole picture, with EXIF's orientation applied; palettes become RGB(A), CMYK and Lab become RGB.

    Of a file with several pages (`page_count`) the first is read. A colour profile is kept if it describes the result;
    CMYK becomes sRGB by its profile. Colours that are multiplied by alpha are divided by it.
    content: the file's bytes, for a picture in a shard; `path` is then its name in messages.
    Raises `UnreadableImage` (truncated, empty, no picture at all, more than `max_pixels` pixels).
    """
    path = Path(path)
    return FORMATS.get(path.suffix.lower(), PNG).picture(path, content)


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
