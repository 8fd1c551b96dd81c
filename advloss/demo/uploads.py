"""What people upload: how much is taken, and the folder in which a job finds it.

A picture's size is read from its header before anything decodes it. Nothing is written outside of the job's folder.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.words import some, together
from advloss.data.published.unpack import unpack
from advloss.images.listing import list_images
from advloss.images.reading import UnreadableImage, is_image, read_header

TAKEN = "a picture, several pictures, or one .zip of pictures"


@dataclass(frozen=True)
class Limits:
    """What one job may take. bytes: of a file, and of all that comes out of a ZIP ten times as many; pixels: of a
    picture, and of its result; pictures: how many."""

    bytes: int
    pixels: int
    pictures: int = 1000

    def check_pixels(self, file: Path, height: int, width: int, scale: int = 1) -> None:
        """Raises InputError for a picture that is too large, or whose result would be."""
        pixels = height * width * scale**2
        if pixels <= self.pixels:
            return
        becomes = (
            f"would become {width * scale}x{height * scale} pixels" if scale > 1 else f"is {width}x{height} pixels"
        )
        raise InputError(
            f"{file}: {becomes}, {pixels / 1e6:.4g} megapixels, and this page takes {self.pixels / 1e6:.4g}; use a "
            "smaller picture, the command line, or start the demo with a larger --megapixels"
        )


def received(files: Sequence[str | Path] | None, folder: Path, limits: Limits, scale: int = 1) -> Path:
    """Brings uploaded files into a new folder, and gives the one picture, or the folder if there are several.

    A ZIP is unpacked. scale: of a result's sides. Raises InputError for no file, files that don't go together, what
    is not safe to unpack, and pictures that are too many or too large, as their headers say.
    """
    given = [Path(file) for file in files or ()]
    if not given:
        raise InputError(f"upload {TAKEN} first")
    archives = [file for file in given if file.suffix.lower() == ".zip"]
    if archives and len(given) > 1:
        raise InputError(f"{some(file.name for file in given)}: upload {TAKEN}")
    for file in given:
        if not archives and not is_image(file):
            raise InputError(f"{file.name}: is not named as a picture; upload {TAKEN}")
    if twice := {file.name for file in given if [other.name for other in given].count(file.name) > 1}:
        raise InputError(f"{some(sorted(twice))}: two of the files have this name; rename one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if archives:
        _unpacked(archives[0], folder, limits)
    else:
        folder.mkdir()
        for file in given:
            shutil.copyfile(file, folder / file.name)
    check_pictures(folder, limits, scale)
    return folder / given[0].name if len(given) == 1 and not archives else folder


def check_pictures(folder: Path, limits: Limits, scale: int = 1) -> None:
    """Raises InputError for pictures in a folder that are too many, or too large as their headers say. A file that has
    no readable header is left to the command, which names it."""
    pictures = list_images(folder)
    if len(pictures) > limits.pictures:
        raise InputError(f"these are {len(pictures):,} pictures, and this page takes {limits.pictures:,} at once")
    wrong = {}
    for picture in pictures:
        try:
            height, width = read_header(picture).size
            limits.check_pixels(picture, height, width, scale)
        except UnreadableImage:
            continue
        except InputError as error:
            wrong[picture.name] = str(error)
    if wrong:
        raise InputError(together(wrong))


def _unpacked(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpacks a ZIP as a folder. The suffix tells the kind, in lower case."""
    renamed = folder.parent / "uploaded.zip"
    shutil.copyfile(archive, renamed)
    try:
        unpack(renamed, folder, most=10 * limits.bytes, advice="pack it again")
    except InputError as error:
        raise type(error)(str(error).replace(str(renamed), archive.name)) from None
    finally:
        renamed.unlink()
