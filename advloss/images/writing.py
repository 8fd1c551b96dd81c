"""Pictures to files: whole or not at all, with the bit depth, alpha and colour profile that the format can hold."""

from pathlib import Path

import numpy as np
from PIL import Image

from advloss.core.errors import InputError
from advloss.core.files import replacing
from advloss.images.reading import MAX_PIXELS, Picture, flattened, to_8bit
from advloss.images.streamed_writers import write_png, write_tiff

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
DEEP = {"PNG": write_png, "TIFF": write_tiff}
"""Hold 16 bits a channel, which Pillow does not write."""
WITH_ALPHA = ("PNG", "TIFF", "WEBP")
LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
"""In pixels: what libjpeg and libwebp can write."""


def write_picture(path: str | Path, picture: Picture) -> None:
    """Writes in the format of the extension, under a temporary name that is renamed at the end.

    What the format can't hold is reduced: 16 bits to 8 with rounding, alpha laid over white; 16-bit grey with alpha
    becomes RGBA in a TIFF, without grey's profile. JPEG and WebP at quality 95, JPEG with its colours at full
    resolution. Raises InputError for a format or a size that can't be written, OSError where the disk is full or the
    folder closed.
    """
    path = Path(path)
    form = format_of(path)
    check_size(path, *picture.pixels.shape[:2])
    if form not in WITH_ALPHA:
        picture = flattened(picture)
    with replacing(path) as temporary:
        if form == "PNG" or (picture.pixels.dtype == np.uint16 and form in DEEP):  # see `deep`
            with temporary.open("wb") as file:
                DEEP[form](file, picture)
        else:
            _save(temporary, picture, form)


def reduction(path: Path, picture: Picture) -> str | None:
    """What of a picture its file's format can't hold, in words; None if it holds all."""
    form = format_of(path)
    losses = []
    if picture.alpha is not None and form not in WITH_ALPHA:
        losses.append("no alpha (it is laid over white)")
    if picture.pixels.dtype == np.uint16 and form not in DEEP:
        losses.append("no 16 bits a channel (they are rounded to 8)")
    return f"{form} files hold {' and '.join(losses)}; PNG and TIFF do" if losses else None


def format_of(path: Path) -> str:
    """The format that a file's extension says, one of the values of `FORMATS`; InputError if it is none."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: can't write '{path.suffix}'; use one of {', '.join(FORMATS)}")
    return form


def check_size(path: Path, height: int, width: int) -> None:
    """InputError if a picture of this size is more than the file's format or we can hold."""
    form = format_of(path)
    longest = LONGEST_SIDE.get(form)
    if longest and max(height, width) > longest:
        raise InputError(
            f"{path}: {width}x{height} pixels, and a {form} has at most {longest} a side; use another format"
        )
    if height * width > MAX_PIXELS:
        raise InputError(f"{path}: {width}x{height} pixels, more than the limit of {MAX_PIXELS:,}")


def _save(path: Path, picture: Picture, form: str) -> None:
    """8 bits a channel, by Pillow: what it holds is the one copy of the picture made here."""
    pixels = to_8bit(picture.pixels)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if form == "WEBP":
        image = image.convert("RGB")  # it has no grey
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(to_8bit(picture.alpha)))
    options: dict[str, object] = {"quality": 95} if form in ("JPEG", "WEBP") else {}
    if form == "JPEG":
        options["subsampling"] = "4:4:4"  # sharp edges of colours are what is looked at
    grey_in_rgb = form == "WEBP" and pixels.shape[2] == 1  # whose profile does not describe the three channels
    if picture.icc and form != "BMP" and not grey_in_rgb:
        options["icc_profile"] = picture.icc
    image.save(path, form, **options)
