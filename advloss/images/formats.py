"""The formats of image files: for each extension the functions that read and write it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from advloss.images import array_files, pillow_files, tiff_files
from advloss.images.metadata import Kind, add_to_tiff
from advloss.images.picture import MOST_CHANNELS, Depth, Header, Picture, PictureRows, check_shape, picture_of
from advloss.images.pillow_files import check_pixels, naming
from advloss.images.streamed_writers import write_png, write_tiff

ANY_CHANNELS = frozenset(range(1, MOST_CHANNELS + 1))


@dataclass(frozen=True)
class Format:
    """How files of an extension are read and written.

    To add a format that can be read, make one entry, before the command line is called:

        def decode(content):
            return numpy.frombuffer(content, "uint16").reshape(64, 64)

        advloss.images.FORMATS[".raw"] = Format("RAW", decode)

    decode: a file's bytes to an array [H, W] or [H, W, C] of uint8, uint16 or floating point, 1 to 16 channels; the
    message of an error that it raises is shown to the user.
    read, read_header: instead of `decode`, for formats with alpha, profiles or several pages.
    write: None if the format can't be written. channels: how many it can hold, with alpha. depths: those it can hold.
    alpha: whether it can hold alpha. longest: the largest side that can be written, in pixels. holds: what it can hold
    beside pixels.
    """

    name: str
    decode: Callable[[bytes], np.ndarray] | None = None
    read: Callable[[Path, bytes | None], Picture] | None = None
    read_header: Callable[[Path, bytes | None], Header] | None = None
    write: Callable[[BinaryIO, PictureRows], None] | None = None
    channels: frozenset[int] = ANY_CHANNELS
    depths: tuple[Depth, ...] = (8, 16, "float")
    alpha: bool = True
    longest: int = 2**31 - 1
    holds: frozenset[Kind] = frozenset()

    def grey_as_rgb(self, picture: PictureRows) -> bool:
        """Whether grey is written as three equal channels, which grey's profile does not describe."""
        alpha_of_16_bits = picture.alpha and picture.dtype == np.uint16
        return picture.colours == 1 and (self.name == "WEBP" or (self.name == "TIFF" and alpha_of_16_bits))

    def picture(self, path: Path, content: bytes | None) -> Picture:
        """The whole picture. Raises `UnreadableImage`."""
        if self.read is not None:
            return self.read(path, content)
        assert self.decode is not None
        with naming(path):
            array = np.asarray(self.decode(path.read_bytes() if content is None else content))
            check_shape(array.shape)
            check_pixels(path, *array.shape[:2])
            return picture_of(array)

    def header(self, path: Path, content: bytes | None) -> Header:
        """The header. If the format can't read it without decoding, the file is decoded. Raises `UnreadableImage`."""
        if self.read_header is not None:
            return self.read_header(path, content)
        pixels = self.picture(path, content).pixels
        return array_files.header(pixels.shape, pixels.dtype)


def _read(path: Path, content: bytes | None) -> Picture:
    """Reads a TIFF, or a file that Pillow knows. The bytes tell which, not the file's name."""
    with naming(path):
        tiff = tiff_files.is_tiff(path, content)
    return (tiff_files if tiff else pillow_files).read(path, content)


def _read_header(path: Path, content: bytes | None) -> Header:
    with naming(path):
        tiff = tiff_files.is_tiff(path, content)
    return (tiff_files if tiff else pillow_files).header(path, content)


def _write_tiff(file: BinaryIO, picture: PictureRows) -> None:
    write_tiff(file, picture)
    add_to_tiff(file, picture.about)


def _of_8_bits(name: str, **options: Any) -> Format:
    """A format that Pillow reads and writes."""
    return Format(
        name,
        read=_read,
        read_header=_read_header,
        write=lambda file, picture: pillow_files.write(file, picture.whole(), name),
        depths=(8,),
        **options,
    )


ALL_KINDS: frozenset[Kind] = frozenset({"EXIF", "XMP", "texts", "resolution", "colour profile"})
PNG = Format(
    "PNG",
    read=_read,
    read_header=_read_header,
    write=write_png,
    channels=frozenset({1, 2, 3, 4}),
    depths=(8, 16),
    holds=ALL_KINDS,
)
JPEG = _of_8_bits("JPEG", channels=frozenset({1, 3}), alpha=False, longest=65500, holds=ALL_KINDS)
WEBP = _of_8_bits(
    "WEBP", channels=frozenset({1, 2, 3, 4}), longest=16383, holds=frozenset({"EXIF", "XMP", "colour profile"})
)
TIFF = Format("TIFF", read=_read, read_header=_read_header, write=_write_tiff, holds=ALL_KINDS - frozenset({"texts"}))
BMP = _of_8_bits("BMP", channels=frozenset({1, 3}), alpha=False, holds=frozenset({"resolution"}))
NPY = Format("NPY", read=array_files.npy_read, read_header=array_files.npy_header, write=array_files.npy_write)
READ_ALONE = {
    "GIF": (".gif",),
    "AVIF": (".avif", ".avifs"),
    "JPEG 2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
    "ICO": (".ico",),
}
"""Formats that are read and not written, with their extensions."""

FORMATS: dict[str, Format] = {
    ".png": PNG,
    ".apng": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".jpe": JPEG,
    ".jfif": JPEG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": BMP,
    ".npy": NPY,
    **{
        extension: Format(name, read=_read, read_header=_read_header)
        for name, extensions in READ_ALONE.items()
        for extension in extensions
    },
}
"""The formats by extension, in lower case. A file with another extension is not a picture."""
