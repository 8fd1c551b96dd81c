"""TIFF files of every form: what is decoded is what the file's tags say, or the form is refused by its name.

Three libraries decode, each the forms that it gives exactly (`_decoder`): Pillow ordinary pictures of 8 bits, OpenCV
colours of 16 bits whose channels lie together, tifffile all else.
"""

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import UnidentifiedImageError

from advloss.images import decoding, metadata, pillow_files
from advloss.images.picture import (
    MOST_CHANNELS,
    Depth,
    Header,
    Picture,
    Undecodable,
    UnreadableImage,
    picture_of,
    stacked,
)
from advloss.images.pillow_files import check_not_empty, check_pixels, naming

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF or BigTIFF of either byte order."""
UNSPECIFIED, COVERING, ALPHA = 0, 1, 2
"""The values of TIFF's ExtraSamples: no alpha, alpha by which the colours are multiplied, alpha alone. Others occur."""
PHOTOMETRIC = {0: "grey (0 is white)", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
SAMPLES = {1: "", 2: "signed ", 3: "floating-point ", 4: "", 5: "complex whole-number ", 6: "complex "}
COMPRESSION = {1: "no", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "Zstandard"}
BY_TIFFFILE = (1, 8, 32773, 32946)
"""The compressions that tifffile decodes without a library of its own."""
PAGES_LOOKED_AT = 16
"""Of the pages behind the first. Smaller versions of the first page (a pyramid) are no pages of their own."""
Decoder = Literal["pillow", "opencv", "tifffile"]

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it can't read is said by our own message


@dataclass(frozen=True)
class Form:
    """What the tags of a TIFF's first page say of its samples. colours: 1 or 3; extra: of each further channel;
    kind: TIFF's SampleFormat."""

    size: tuple[int, int]  # as stored, (height, width)
    photometric: int
    bits: int
    kind: int
    channels: int
    extra: tuple[int, ...]
    planar: bool
    compression: int
    orientation: int
    little: bool  # the byte order
    big: bool  # a BigTIFF

    @property
    def unopened(self) -> bool:
        """Whether Pillow can't open it: a big-endian BigTIFF."""
        return self.big and not self.little

    @property
    def colours(self) -> int:
        """The channels that are no extra ones, in the file."""
        return self.channels - len(self.extra)

    @property
    def alpha(self) -> bool:
        """Whether the last channel is the alpha of whole numbers. Floats and several extra channels stay as they are
        stored."""
        return self.kind != 3 and self.colours in (1, 3) and len(self.extra) == 1 and self.extra != (UNSPECIFIED,)

    @property
    def depth(self) -> Depth:
        """The depth of what is read."""
        return "float" if self.kind == 3 else 8 if self.bits <= 8 else 16

    @property
    def simple(self) -> bool:
        """Whether there are no channels but colours and their alpha."""
        return not self.extra or self.alpha

    @property
    def words(self) -> str:
        """Such as `16-bit RGB with 2 more channels, planar, LZW compression`."""
        bits = f"{self.bits}-bit {SAMPLES.get(self.kind, f'(sample format {self.kind}) ')}"
        photometric = PHOTOMETRIC.get(self.photometric, f"photometric interpretation {self.photometric}")
        more = f" with {len(self.extra)} more channel{'s' * (len(self.extra) > 1)}" if self.extra else ""
        compression = COMPRESSION.get(self.compression, f"compression {self.compression}")
        return f"{bits}{photometric}{' with alpha' if self.alpha else more}" + (
            f"{', planar' if self.planar else ''}, {compression} compression"
        )


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
        icc = decoding.described(_tag(page, 34675), grey) if form.photometric != 5 and form.simple else None
        about = metadata.of_tiff(file, page.offset, form.little, form.big)
        return Picture(picture.pixels, picture.alpha, icc, about)


def write(file: BinaryIO, picture: Picture) -> None:
    """Writes a TIFF of any number of channels and depth, deflated. No channel is marked as alpha."""
    import tifffile  # late: few files need it

    pixels = stacked(picture)
    extra = (UNSPECIFIED,) * (pixels.shape[2] - 1)
    tifffile.imwrite(
        file,
        pixels if extra else pixels[..., 0],
        photometric="minisblack",
        planarconfig="contig" if extra else None,
        extrasamples=extra or None,
        compression="zlib",
        metadata=None,
    )


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
            yield _form(page), page, file


def _form(page: Any) -> Form:
    """Raises `Undecodable` for a form whose numbers no picture can hold."""
    bits, kinds = _tag(page, 258, (1,)), _tag(page, 339, (1,))
    bits, kinds = (each if isinstance(each, tuple) else (each,) for each in (bits, kinds))
    compression, photometric = int(_tag(page, 259, 1)), int(_tag(page, 262, 0))
    channels = int(_tag(page, 277, 3 if compression in (6, 7) and photometric == 6 else 1))
    natural = {2: 3, 5: 4, 6: 3, 8: 3}.get(photometric, 1)
    extra = _tag(page, 338, ())
    extra = tuple(map(int, extra if isinstance(extra, tuple) else (extra,)))[: max(channels - natural, 0)]
    if len(extra) < channels - natural:  # a fourth channel of RGB that is not declared is alpha for all programs
        missing = channels - natural - len(extra)
        extra += (ALPHA if (natural, channels) == (3, 4) else UNSPECIFIED,) * missing
    orientation = _tag(page, decoding.ORIENTATION, 1)
    form = Form(
        (int(page.imagelength), int(page.imagewidth)),
        photometric,
        int(bits[0]),
        int(kinds[0]) if kinds[0] != 4 else 1,
        channels,
        extra,
        channels > 1 and _tag(page, 284, 1) == 2,
        compression,
        orientation if orientation in range(1, 9) else 1,
        page.parent.byteorder == "<",
        page.parent.is_bigtiff,
    )
    if len(set(bits[:channels])) > 1 or len(set(kinds[:channels])) > 1:
        raise _refused(form, "its channels differ in bits or type")
    _check_form(form, page)
    return form


def _check_form(form: Form, page: Any) -> None:
    if form.photometric not in PHOTOMETRIC:
        raise _refused(form)
    if form.kind not in (1, 2, 3) or (form.kind == 2 and form.bits <= 8):
        raise _refused(form, "whole numbers from 0 and floating point can be read")
    if page.imagedepth > 1:
        raise _refused(form, f"it holds {page.imagedepth} layers, and a picture has one")
    if not 1 <= form.channels <= MOST_CHANNELS:
        raise _refused(form, f"it has {form.channels} channels, and a picture 1 to {MOST_CHANNELS}")
    if min(form.size) < 1:
        raise _refused(form, "it holds no pixels")
    if form.photometric not in (0, 1, 2) and (form.bits > 8 or not form.simple or form.kind != 1):
        raise _refused(form)


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
            raise _refused(form, "it needs a library: pip install imagecodecs") from None
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
            raise _refused(form, f"its values are {low} to {high}; only 0 to 65535 can be read")
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
            raise _refused(form) from None
        raise
    return Picture(_spread(picture.pixels, 12, 65535), picture.alpha) if form.bits == 12 else picture


def _check(form: Form, picture: Picture) -> None:
    """Raises `Undecodable` unless a library has decoded what the tags say."""
    height, width = form.size[::-1] if form.orientation >= 5 else form.size
    channels = _colours_read(form) + (0 if form.simple else len(form.extra))
    kind = {8: np.uint8, 16: np.uint16, "float": np.float32}[form.depth]
    palette = form.photometric == 3  # its alpha is not known before
    if picture.pixels.shape != (height, width, channels) or picture.pixels.dtype != kind:
        raise _refused(form, f"it was decoded as {picture.pixels.dtype} {list(picture.pixels.shape)}")
    if (picture.alpha is not None) != form.alpha and not palette:
        raise _refused(form, "its alpha can't be told")


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


def _tag(page: Any, number: int, default: Any = None) -> Any:
    value = page.tags.valueof(number, default)
    return default if value is None else value


def _refused(form: Form, why: str = "this form can't be read") -> Undecodable:
    return Undecodable(f"a TIFF of {form.words}: {why}")
