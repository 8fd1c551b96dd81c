"""Decoding that Pillow and OpenCV don't do: orientation, 16 bits a channel, transparent colours, colour profiles."""

import contextlib
import io
import re

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageFile

from advloss.images.picture import Undecodable

ORIENTATION, PHOTOMETRIC, EXTRA_SAMPLES = 0x0112, 262, 338
"""Tags of a TIFF's directory."""
EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")
MODES = frozenset((*EIGHT_BITS, "I", "I;16", "I;16B", "I;16L", "I;16N"))
"""Pillow's modes that can be read. `F` is that of a TIFF alone."""


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 if the file says none."""
    value = Image.Image.getexif(image).get(ORIENTATION, 1)  # the PNG class's own would decode the picture
    return value if value in range(1, 9) else 1


def check_form(image: ImageFile.ImageFile) -> None:
    """Raises `Undecodable` for a file that Pillow would reduce to 8 bits, and that nothing else decodes exactly; and
    for a mode that is not known here."""
    if image.mode not in MODES:
        raise Undecodable(f"a {image.format} of mode {image.mode}, which can't be read")
    form = {"AVIF": "AVIF", "JPEG2000": "JPEG 2000", "PPM": "PPM"}.get(image.format or "")
    bits = _bits(image)
    if form == "AVIF" and max(bits) > 8:
        raise Undecodable(f"an AVIF with {max(bits)} bits a channel; only those with 8 can be read")
    if form and 0 in bits:
        raise Undecodable(f"{form} of a form that can't be read (signed samples, or damaged)")
    if form == "JPEG 2000" and bits not in ({8}, {16}):
        raise Undecodable(f"a JPEG 2000 with {', '.join(map(str, sorted(bits)))} bits a channel; 8 or 16 can be read")
    if form == "JPEG 2000" and bits == {16} and image.mode not in ("I;16", "RGB"):
        raise Undecodable(f"a JPEG 2000 of {image.mode} with 16 bits a channel, which can't be read")
    if form == "PPM" and image.mode == "RGB" and not (bits <= {8, 16}):
        raise Undecodable("a PPM of colours with 9 to 15 bits a channel, which can't be read; save it with 8 or 16")


def _bits(image: ImageFile.ImageFile) -> set[int]:
    """The bits of the channels of an AVIF or a JPEG 2000 as its own bytes say; of a PPM by its largest value. Signed
    samples count as 0 bits."""
    if image.format == "PPM":
        arguments = image.tile[0][3]
        largest = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else 255
        return {16 if largest == 65535 else 8 if largest <= 255 else largest.bit_length() - 1}
    if image.format not in ("AVIF", "JPEG2000") or image.fp is None:
        return {8}
    place = image.fp.tell()
    image.fp.seek(0)
    data = image.fp.read()
    image.fp.seek(place)
    if image.format == "AVIF":  # the codec's configuration, AV1 in ISO BMFF 2.3.3: its third byte
        return {(12 if data[at + 6] & 32 else 10) if data[at + 6] & 64 else 8 for at in _found(data, b"av1C")} or {0}
    start = data.find(b"\xff\x4f\xff\x51")  # the codestream's SIZ, ISO 15444-1 A.5.1
    count = int.from_bytes(data[start + 40 : start + 42], "big")
    samples = data[start + 42 : start + 42 + 3 * count : 3]
    return {(each & 127) + 1 if each < 128 else 0 for each in samples} if start >= 0 and samples else {0}


def _found(data: bytes, mark: bytes) -> list[int]:
    """Where the mark stands in the data, with at least 8 bytes after its beginning."""
    return [match.start() for match in re.finditer(re.escape(mark), data[:-8])]


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a file that is not decoded yet has 16 bits a channel."""
    return ";16" in _tiles(image) or image.mode.startswith("I;16") or _bits(image) == {16}


def is_grey(image: Image.Image) -> bool:
    """Whether a file that is not decoded yet has no colours."""
    return image.mode[0] in "L1IF" or "LA;16" in _tiles(image)


def _tiles(image: Image.Image) -> str:
    """The raw modes of the file's tiles: Pillow's `mode` does not tell 16 bits a channel from 8."""
    return " ".join(str(tile[3]) for tile in getattr(image, "tile", []))


def has_alpha(image: Image.Image) -> bool:
    """Whether a file that is not decoded yet has an alpha channel, or a colour that is transparent."""
    return image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info


def mode_words(image: ImageFile.ImageFile) -> str:
    """`8-bit RGB`, `16-bit grey with alpha`, `palette`, ... of a file that is not decoded yet."""
    depth = "16-bit" if is_deep(image) else "32-bit" if image.mode in ("I", "F") else "8-bit"
    if image.mode in ("P", "PA"):
        return "palette"
    if image.mode == "1":
        return "1-bit"
    alpha = has_alpha(image)
    if is_grey(image):
        return f"{depth} grey" + (" with alpha" if alpha else "")
    return f"{depth} " + ("RGBA" if alpha else "RGB" if image.mode == "RGB" else image.mode)


def profile(image: Image.Image, grey: bool) -> bytes | None:
    """The file's colour profile, if it describes the decoded picture (grey or RGB); None for profiles of CMYK or
    Lab."""
    return described(image.info.get("icc_profile") if image.mode != "CMYK" else None, grey)


def described(icc: bytes | None, grey: bool) -> bytes | None:
    """The profile if it is one of grey or RGB pictures; else None."""
    return icc if icc and icc[16:20] == (b"GRAY" if grey else b"RGB ") else None


def spread_transparency(image: ImageFile.ImageFile) -> None:
    """Brings the transparent level of a PNG of 2 or 4 bits grey to 8 bits, as Pillow does with its pixels alone. Call
    it before the file is decoded."""
    most = {"L;2": 3, "L;4": 15}.get(_tiles(image))
    if most and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] = image.info["transparency"] * 255 // most


def simplified(image: Image.Image) -> Image.Image:
    """An image of any 8-bit mode as L, LA, RGB or RGBA. CMYK becomes sRGB by its profile, if it has a usable one."""
    if image.mode == "F" or (image.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info):
        return image
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK" and icc and icc[16:20] == b"CMYK":
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            return _printed(image, icc)
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = image.has_transparency_data
    return image.convert(("LA" if alpha else "L") if grey else ("RGBA" if alpha else "RGB"))


def _printed(image: Image.Image, icc: bytes) -> Image.Image:
    """CMYK as sRGB by its profile; the darkest ink becomes black, as viewers show it."""
    made = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert made is not None  # as only a conversion in place is
    return made


def integers(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey of 16 or 32 bits as uint16 [H, W, 1], and alpha [H, W] if the file has a transparent value, else None."""
    array = np.asarray(image)
    if array.min() < 0 or array.max() > 65535:
        raise Undecodable(f"32-bit values {array.min()} to {array.max()}; only 0 to 65535 can be read")
    array = array.astype(np.uint16)
    clear = image.info.get("transparency")
    alpha = None if clear is None else np.where(array == clear, 0, 65535).astype(np.uint16)
    return array[..., None], alpha


def inverted_grey(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF of 16-bit grey. Pillow does not invert it (it does for 8 bits)."""
    return _tag(image, PHOTOMETRIC) == 0 and image.mode.startswith("I")


def is_covered(image: ImageFile.ImageFile) -> bool:
    """Whether the colours of a TIFF with 16 bits a channel are multiplied by alpha. OpenCV does not divide them."""
    return is_deep(image) and _tag(image, EXTRA_SAMPLES) in (1, (1,))


def _tag(image: Image.Image, number: int) -> object:
    """The value of a tag of a TIFF's directory; None if it is missing, or for other files."""
    return getattr(image, "tag_v2", {}).get(number)


def deep_colour(encoded: np.ndarray, grey: bool, covered: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Decodes a file of 16 bits a channel: uint16 [H, W, 1 or 3], and alpha [H, W] or None. The orientation is not
    applied.

    covered: whether the file's colours are multiplied by alpha; if so, they are divided by it.
    """
    array = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)  # does not apply the orientation
    if array is None or array.dtype != np.uint16 or array.ndim != 3:
        raise Undecodable("16 bits a channel in a form that can't be decoded")
    alpha = array[..., 3] if array.shape[2] == 4 else None
    colour = np.ascontiguousarray(array[..., 2:3] if grey else array[..., 2::-1])  # BGR -> RGB
    if covered and alpha is not None:
        uncover(colour, alpha)
    return colour, alpha


def uncover(colour: np.ndarray, alpha: np.ndarray) -> None:
    """Divides colours [H, W, C] by the alpha [H, W] by which they are multiplied, in place and rounded."""
    top = np.uint32(np.iinfo(colour.dtype).max)
    for row, share in zip(colour, alpha, strict=True):  # a row at a time, since 32 bits take much memory
        whole = np.maximum(share, 1).astype(np.uint32)[:, None]
        row[:] = np.minimum((row * top + whole // 2) // whole, top)


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF orientation 1 to 8 applied to [H, W] or [H, W, C]."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
