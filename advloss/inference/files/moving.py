"""Animated pictures (GIF, WebP) and videos: which files are such, and the conversion of their frames, one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from advloss.core.errors import InputError
from advloss.images.picture import Picture, PictureRows
from advloss.images.reading import UnreadableImage, read_header
from advloss.inference.files.pixels import Conversion

ANIMATIONS = (".gif", ".webp")
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
Kind = Literal["animation", "video"]


@dataclass(frozen=True)
class Frames:
    """How each frame of a file is converted. scale: of the frames' sides."""

    convert: Callable[[Picture, Conversion], PictureRows]
    by: Conversion

    @property
    def scale(self) -> int:
        """Pixels of a result for each pixel of a frame, along an axis."""
        return self.by.scale

    def __call__(self, picture: Picture) -> Picture:
        """The result of one frame: 8 bits, 1 or 3 channels. Raises InputError for a model that makes others."""
        made = self.convert(picture, self.by).whole()
        if made.pixels.dtype != np.uint8 or made.pixels.shape[2] not in (1, 3):
            depth = f"{made.pixels.shape[2]} channels of {made.pixels.dtype}"
            raise InputError(f"the model makes {depth}, and frames are grey or RGB with 8 bits")
        return made


def is_video(path: Path) -> bool:
    """Whether the file's name is a video's. Hidden files are none."""
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF or a WebP of several frames; false for one that can't be read, which is said later."""
    if path.suffix.lower() not in ANIMATIONS:
        return False
    try:
        return read_header(path).several
    except UnreadableImage:
        return False


def kind_of(source: Path, result: Path, several: bool) -> Kind | None:
    """How a file is converted: frame by frame, or, None, as one picture. several: whether it has several frames."""
    if is_video(source):
        return "video"
    if several and source.suffix.lower() in ANIMATIONS and result.suffix.lower() in ANIMATIONS:
        return "animation"
    return None
