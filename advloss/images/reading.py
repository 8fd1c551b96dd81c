"""Image files as arrays: read with their bit depth, alpha and colour profile, or with the channels of a data set."""

from pathlib import Path

import numpy as np

from advloss.images.formats import FORMATS, Format
from advloss.images.listing import Passed, extensions, is_image, list_images
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

__all__ = [
    "MAX_PIXELS",
    "Header",
    "Passed",
    "Picture",
    "UnreadableImage",
    "blocks",
    "extensions",
    "flattened",
    "is_image",
    "list_images",
    "read_header",
    "read_picture",
    "read_pixels",
    "read_rgb8",
    "to_8bit",
]


def read_header(path: str | Path, content: bytes | None = None) -> Header:
    """The header of a file, which is not decoded. content: as for `read_picture`."""
    path = Path(path)
    return _format(path).header(path, content)


def read_picture(path: str | Path, content: bytes | None = None) -> Picture:
    """The whole picture, with EXIF's orientation applied; palettes become RGB(A), CMYK and Lab become RGB.

    Of a file with several pages (`Header.several`) the first is read. A colour profile is kept if it describes the
    result; CMYK becomes sRGB by its profile. Colours that are multiplied by alpha are divided by it.
    content: the file's bytes, for a picture in a shard; `path` is then its name in messages.
    Raises `UnreadableImage` (truncated, empty, no picture at all, more than `max_pixels` pixels).
    """
    path = Path(path)
    return _format(path).picture(path, content)


def _format(path: Path) -> Format:
    """The format of a file's extension. Which one of the usual formats a file has is told by its bytes."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise UnreadableImage(path, f"is not named as a picture ({extensions()}); rename it if it is one")
    return form


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
