"""TIFF files of every form: what is decoded is what the file's tags say, or the form is refused by its name.

Three libraries decode, each the forms that it gives exactly (`_decoder`): Pillow ordinary pictures of 8 bits, OpenCV
colours of 16 bits whose channels lie together, tifffile all else.
"""

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import UnidentifiedImageError

from advloss.images import decoding, metadata, pillow_files
from advloss.images.picture import (
    Header,
    Picture,
    Undecodable,
    UnreadableImage,
    picture_of,
)
from advloss.images.pillow_files import check_not_empty, check_pixels, naming
from advloss.images.tiff_form import COVERING, PHOTOMETRIC, Form, form_of, refused, tag_of

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF or BigTIFF of either byte order."""
BY_TIFFFILE = (1, 8, 32773, 32946)
"""The compressions that tifffile decodes without a library of its own."""
PAGES_LOOKED_AT = 16
"""Of the pages behind the first. Smaller versions of the first page (a pyramid) are no pages of their own."""
Decoder = Literal["pillow", "opencv", "tifffile"]

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it can't read is said by our own message


def is_tiff(path: Path, content: bytes | None) -> bool:
    """Whether the file begins as a TIFF does, whatever its name says."""
    if content is not None:
        return content[:4] in MARKS
    with path.open("rb") as file:
        return file.read(4) in MARKS


def header(path: Path, content: bytes | None) -> Header:
    """The header of a TIFF, which is not decoded."""
    with _opened(path, content) as (form, page, _):
        height, width = form.size[::-1] if form.orientation >= 5 else form.size
        check_pixels(path, height, width)
        channels = _colours_read(form) + (0 if form.simple else len(form.extra))
        return Header((height, width), _mode(form), channels, form.depth, form.alpha, _several(page))


def read(path: Path, content: bytes | None) -> Picture:
    """Reads a TIFF of any number of channels and depth."""
    with _opened(path, content) as (form, page, file):
        check_pixels(path, *form.size)
        decoder = _decoder(form)
        if decoder == "tifffile":
            picture = _of_array(form, _decoded(form, page))
        else:
            picture = _by_pillow(form, path, content, decoder == "opencv")
        _check(form, picture)
        grey = picture.pixels.shape[2] == 1
        icc = decoding.described(tag_of(page, 34675), grey) if form.photometric != 5 and form.simple else None
        about = metadata.of_tiff(file, page.offset, form.little, form.big)
        return Picture(picture.pixels, picture.alpha, icc, about)


@contextmanager
def _opened(path: Path, content: bytes | None) -> Iterator[tuple[Form, Any, BinaryIO]]:
    """The form of the first page, tifffile's page, and the file."""
    import tifffile  # late: few files need it

    with naming(path):
        check_not_empty(path, content)
        with (
            path.open("rb") if content is None else io.BytesIO(content) as file,
            tifffile.TiffFile(file) as tiff,
        ):
            page = tiff.pages[0]
            yield form_of(page), page, file


def _decoder(form: Form) -> Decoder:
    """The library that decodes this form exactly."""
    if form.photometric not in (0, 1, 2):
        return "pillow"
    plain = form.kind == 1 and form.simple and not form.unopened
    if plain and form.bits == 8 and not (form.planar and form.extra) and (form.photometric or not form.extra):
        return "pillow"
    if plain and form.bits == 16 and form.photometric == 2 and not form.planar and form.compression in (1, 5, 8, 32946):
        return "opencv"
    if plain and form.channels == 1 and (form.bits in (1, 2, 4) or (form.bits in (12, 16) and form.photometric)):
        return "pillow" if form.bits != 12 or form.little else "tifffile"
    floats = form.kind == 3 and form.bits == 32 and form.channels == form.photometric == 1
    return "pillow" if floats and form.compression not in BY_TIFFFILE else "tifffile"


def _decoded(form: Form, page: Any) -> np.ndarray:
    """The stored samples [H, W, C] by tifffile."""
    offsets, sizes = page.dataoffsets, page.databytecounts
    if len(offsets) != math.prod(page.chunked) or len(sizes) != len(offsets) or not all((*offsets, *sizes)):
        raise Undecodable(f"truncated: strips or tiles of the {form.words} TIFF are missing")
    try:
        array = page.asarray(squeeze=False, maxworkers=1)  # [planes, 1, H, W, channels of a plane]
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" in str(error):
            raise refused(form, "it needs a library: pip install 'advloss[tiff]'") from None
        raise
    planes, _, height, width, together = array.shape
    return np.moveaxis(array[:, 0], 0, 2).reshape(height, width, planes * together)  # [H, W, C]


def _of_array(form: Form, array: np.ndarray) -> Picture:
    """The picture of stored samples [H, W, C]: 0 is black, whole numbers fill 8 or 16 bits."""
    if form.kind == 3:
        top = 0.0
    elif form.bits > 16 or form.kind == 2:
        low, high = array.min(), array.max()
        if low < 0 or high > 65535:
            raise refused(form, f"its values are {low} to {high}; only 0 to 65535 can be read")
        array, top = array.astype(np.uint16), 65535
    else:
        top = 2**form.depth - 1 if form.depth != "float" else 0
        array = _spread(array, form.bits, int(top))
    if form.photometric == 0 and top:
        array[..., : form.colours] = top - array[..., : form.colours]
    array = decoding.turned(array, form.orientation)
    if not form.alpha:
        return picture_of(array)
    colour, alpha = np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1])
    if form.extra == (COVERING,):
        decoding.uncover(colour, alpha)
    return Picture(colour, alpha)


def _spread(array: np.ndarray, bits: int, top: int) -> np.ndarray:
    """Numbers of so many bits as numbers of 8 or 16: the largest becomes `top`."""
    kind = np.uint8 if top == 255 else np.uint16
    if top == 2**bits - 1:
        return array.astype(kind, copy=False)
    most = 2**bits - 1
    return ((array.astype(np.uint32) * top + most // 2) // most).astype(kind)


def _by_pillow(form: Form, path: Path, content: bytes | None, deep: bool) -> Picture:
    try:
        picture = pillow_files.decoded(path, content, "TIFF", deep=deep)
    except UnreadableImage as error:
        if isinstance(error.__cause__, UnidentifiedImageError):
            raise refused(form) from None
        raise
    return Picture(_spread(picture.pixels, 12, 65535), picture.alpha) if form.bits == 12 else picture


def _check(form: Form, picture: Picture) -> None:
    """Raises `Undecodable` unless a library has decoded what the tags say."""
    height, width = form.size[::-1] if form.orientation >= 5 else form.size
    channels = _colours_read(form) + (0 if form.simple else len(form.extra))
    kind = {8: np.uint8, 16: np.uint16, "float": np.float32}[form.depth]
    palette = form.photometric == 3  # its alpha is not known before
    if picture.pixels.shape != (height, width, channels) or picture.pixels.dtype != kind:
        raise refused(form, f"it was decoded as {picture.pixels.dtype} {list(picture.pixels.shape)}")
    if (picture.alpha is not None) != form.alpha and not palette:
        raise refused(form, "its alpha can't be told")


def _colours_read(form: Form) -> int:
    return 3 if form.photometric in (3, 5, 6, 8) else form.colours


def _mode(form: Form) -> str:
    """`16-bit grey with alpha`, `palette`, `float with 5 channels`, as for other formats."""
    if form.photometric == 3:
        return "palette"
    if form.kind == 3 or not form.simple or form.colours not in (1, 3, 4):
        bits = "float" if form.kind == 3 else f"{form.bits}-bit"
        return f"{bits} with {form.channels} channel{'s' * (form.channels > 1)}"
    if form.bits == 1 and form.channels == 1:
        return "1-bit"
    colours = {0: "grey", 1: "grey", 2: "RGB"}.get(form.photometric, PHOTOMETRIC[form.photometric])
    signed = "signed " if form.kind == 2 else ""
    alpha = {"grey": "grey with alpha", "RGB": "RGBA"}[colours] if form.alpha else colours
    return f"{form.bits}-bit {signed}{alpha}"


def _several(page: Any) -> bool:
    """Whether pages follow that are no smaller versions of the first one. Few are looked at, however many there are."""
    pages = page.parent.pages
    with suppress(IndexError, ValueError, KeyError, TypeError, OSError, AttributeError):
        for number in range(1, 1 + PAGES_LOOKED_AT):
            if not pages[number].is_reduced:
                return True
    return False
