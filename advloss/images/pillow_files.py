"""Files that Pillow decodes: PNG, JPEG, WebP, BMP, GIF, AVIF, JPEG 2000, PPM, TGA, ICO.

Colour with 16 bits a channel is decoded by OpenCV, since Pillow reduces it to 8 bits without a warning.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from advloss.core.errors import InputError
from advloss.images import decoding, metadata
from advloss.images.picture import LIMIT, Header, Picture, Undecodable, UnreadableImage, max_pixels, picture_of

KNOWN = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "ICO")
"""Pillow's names of the formats that a file may have, whatever its own name says. Pillow tries no other, since some of
its readers start programs (EPS) or take all bytes for pixels."""
BY_NAME_ALONE = {".tga": "TGA"}
"""Formats whose files begin with no mark of their own: only a file of that name is tried."""
PAGED = ("PNG", "WEBP", "GIF", "AVIF")
"""Formats whose files may hold several pictures, of which the first is read."""

_PILLOW_LIMIT = threading.Lock()


def header(path: Path, content: bytes | None) -> Header:
    """The header of a file, which is not decoded. content: as for `read_picture`."""
    with _opened(path, content) as image:
        width, height = image.size
        if decoding.orientation(image) >= 5:
            height, width = width, height
        grey = decoding.is_grey(image)
        deep = decoding.is_deep(image) or image.mode == "I"
        words, alpha = decoding.mode_words(image), decoding.has_alpha(image)
        several = image.format in PAGED and bool(getattr(image, "is_animated", False))
        return Header((height, width), words, 1 if grey else 3, 16 if deep else 8, alpha, several)


def read(path: Path, content: bytes | None) -> Picture:
    """Reads the whole picture; see `read_picture`."""
    return decoded(path, content)


def decoded(path: Path, content: bytes | None, form: str | None = None, deep: bool | None = None) -> Picture:
    """The picture of a file. form: the one format that it may have, instead of the known ones. deep: whether OpenCV
    decodes it; by default, if it has 16 bits a channel and colours or alpha."""
    with _opened(path, content, form) as image:
        orientation, grey = decoding.orientation(image), decoding.is_grey(image)
        if deep is None:
            deep = decoding.is_deep(image) and image.mode[0] in "RL"
        inverted, covered = decoding.inverted_grey(image), decoding.is_covered(image)
        decoding.spread_transparency(image)
        _load(image)
        # Pillow resets a TIFF's; a PNG's may stand at the end
        orientation = max(orientation, decoding.orientation(image))
        about = metadata.NOTHING if form == "TIFF" else metadata.of_image(image)
        icc = decoding.profile(image, grey)
        if "icc_profile" in image.info and icc is None and image.mode != "CMYK":
            about = replace(about, others=(*about.others, "a colour profile, which describes other colours"))
        if deep:  # Pillow has decoded the file, so it is whole
            encoded = np.fromfile(path, np.uint8) if content is None else np.frombuffer(content, np.uint8)
            pixels, alpha = decoding.deep_colour(encoded, grey, covered)
            alpha = None if alpha is None else decoding.turned(alpha, orientation)
            return Picture(decoding.turned(pixels, orientation), alpha, icc, about)
        if image.mode.startswith("I"):
            pixels, alpha = decoding.integers(ImageOps.exif_transpose(image))
            return Picture(65535 - pixels if inverted else pixels, alpha, icc, about)
        array = np.asarray(ImageOps.exif_transpose(decoding.simplified(image)))
    if array.ndim == 2:
        return replace(picture_of(array), icc=icc, about=about)
    if array.shape[2] in (2, 4):
        return Picture(array[..., :-1], array[..., -1], icc, about)
    return Picture(array, None, icc, about)


def write(file: BinaryIO, picture: Picture, form: str) -> None:
    """Writes uint8 in Pillow's format of that name. The picture is copied once, into Pillow's image."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.shape[2] in (2, 4):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    if form == "WEBP":
        image = image.convert("RGB")  # it has no grey
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    options = metadata.pillow_options(picture.about, form)
    if form in ("JPEG", "WEBP"):
        options["quality"] = 95
    if form == "JPEG":
        options["subsampling"] = "4:4:4"  # so that edges of colours stay sharp
    if picture.icc:
        options["icc_profile"] = picture.icc
    image.save(file, form, **options)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A context in which each error becomes an `UnreadableImage` that names the file and says why."""
    try:
        yield
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
    except Exception as error:  # decoders raise a dozen kinds
        why = str(error) or type(error).__name__
        raise UnreadableImage(path, f"truncated: {why}" if "truncated" in why else f"damaged: {why}") from error


def check_not_empty(path: Path, content: bytes | None) -> None:
    """Raises `UnreadableImage` for a file without a byte."""
    if not (path.stat().st_size if content is None else content):
        raise UnreadableImage(path, "the file is empty (0 bytes)")


def check_pixels(path: Path, height: int, width: int) -> None:
    """Raises `UnreadableImage` for a picture of more than `max_pixels` pixels."""
    if width * height > (most := max_pixels()):
        why = f"{width}x{height} pixels, more than the limit of {most:,}; not decoded"
        raise UnreadableImage(path, f"{why}. If you trust the file, set {LIMIT}={width * height}")


@contextmanager
def _opened(path: Path, content: bytes | None, form: str | None = None) -> Iterator[ImageFile.ImageFile]:
    """The file's header, checked. form: see `decoded`."""
    known = [form] if form else [*KNOWN, *filter(None, [BY_NAME_ALONE.get(path.suffix.lower())])]
    with naming(path):
        check_not_empty(path, content)
        with _without_pillows_limit():
            image = Image.open(path if content is None else io.BytesIO(content), formats=known)
        with image:
            check_pixels(path, image.height, image.width)
            if image.format != "TIFF":
                decoding.check_form(image)
            yield image


@contextmanager
def _without_pillows_limit() -> Iterator[None]:
    """A context without Pillow's limit of pixels, which is lower than ours and holds for the whole process."""
    with _PILLOW_LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _load(image: ImageFile.ImageFile) -> None:
    if image.format == "TIFF" and image.width * image.height > 2**26:  # asks for the limit again
        with _without_pillows_limit():
            image.load()
    else:
        image.load()
