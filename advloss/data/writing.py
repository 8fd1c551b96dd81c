"""Pictures to files: whole or not at all, with the bit depth, alpha and colour profile that the format can hold."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from advloss.data.images import Picture, flattened, to_8bit
from advloss.errors import InputError
from advloss.files import write_whole

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
DEEP = ("PNG", "TIFF")
"""Hold 16 bits a channel."""
WITH_ALPHA = ("PNG", "TIFF", "WEBP")


def write_picture(path: str | Path, picture: Picture) -> None:
    """Writes in the format of the extension, under a temporary name that is renamed at the end.

    What the format can't hold is reduced: 16 bits to 8 with rounding, alpha laid over white. JPEG and WebP at
    quality 95. A TIFF with 16 bits of colour loses its profile (neither Pillow nor OpenCV writes both).
    """
    path = Path(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: can't write '{path.suffix}'; use one of {', '.join(FORMATS)}")
    write_whole(path, encoded(picture, form))


def encoded(picture: Picture, form: str) -> bytes:
    """The file's bytes in one of the `FORMATS`."""
    if form not in WITH_ALPHA:
        picture = flattened(picture)
    if picture.pixels.dtype == np.uint16:
        if form in DEEP:
            return _encoded_deep(picture, form)
        alpha = None if picture.alpha is None else to_8bit(picture.alpha)
        picture = Picture(to_8bit(picture.pixels), alpha, picture.icc)
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha[..., None]]
    array = np.concatenate(planes, axis=2)  # [H, W, 1 to 4]
    return _saved(array[..., 0] if array.shape[2] == 1 else array, form, picture.icc)


def _saved(array: np.ndarray, form: str, icc: bytes | None) -> bytes:
    image = Image.fromarray(array)
    if form == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGB" if image.mode == "L" else "RGBA")
    options: dict[str, object] = {"quality": 95} if form in ("JPEG", "WEBP") else {}
    if icc and form != "BMP":
        options["icc_profile"] = icc
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _encoded_deep(picture: Picture, form: str) -> bytes:
    """16 bits a channel: grey by Pillow, colour by OpenCV; grey with alpha as RGBA, which both can read."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.shape[2] == 1 and alpha is None:
        return _saved(pixels[..., 0], form, picture.icc)
    planes = [np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., ::-1]]  # RGB -> BGR
    if alpha is not None:
        planes.append(alpha[..., None])
    done, buffer = cv2.imencode(".png" if form == "PNG" else ".tiff", np.concatenate(planes, axis=2))
    if not done:
        raise InputError(f"a 16-bit picture of shape {pixels.shape} can't be written as {form}")
    data = buffer.tobytes()
    return _with_profile(data, picture.icc) if form == "PNG" and picture.icc else data


def _with_profile(png: bytes, icc: bytes) -> bytes:
    """A PNG with its colour profile: the iCCP chunk right after the header (8 + 25 bytes)."""
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(icc)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]
