"""Pictures that a user of the page can take instead of own ones."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from advloss.core.errors import InputError
from advloss.demo.previews import preview
from advloss.demo.uploads import Limits
from advloss.images.listing import list_images
from advloss.images.reading import is_image, read_header

MOST = 12
"""How many are taken, the first by name."""
THUMBNAIL = 240
"""Pixels of a thumbnail's longer side."""


@dataclass(frozen=True)
class Example:
    """A copy of the picture's file, and a small PNG of it."""

    file: Path
    thumbnail: Path


def copied(source: Path | None, folder: Path, limits: Limits) -> list[Example]:
    """Copies a picture, or the first pictures of a folder, to below `folder`; none for None.

    Raises InputError if there is no picture, and for one that can't be read or is too large.
    """
    if source is None:
        return []
    if source.is_file() and is_image(source):
        pictures = [source]
    elif source.is_dir():
        pictures = list_images(source)[:MOST]
    else:
        raise InputError(f"{source}: is no picture and no folder of pictures (--examples)")
    if not pictures:
        raise InputError(f"{source}: holds no picture (--examples)")
    made = []
    for number, picture in enumerate(pictures):
        limits.check_pixels(picture, *read_header(picture).size)
        place = folder / "examples" / str(number)
        place.mkdir(parents=True)
        thumbnail = preview(picture, place.with_name(f"{number}.png"), THUMBNAIL)
        made.append(Example(Path(shutil.copyfile(picture, place / picture.name)), thumbnail))
    return made
