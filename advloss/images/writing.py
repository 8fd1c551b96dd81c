"""Writes pictures to files, whole or not at all, with the bit depth, alpha and profile that the format can hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.images.formats import FORMATS, Format
from advloss.images.metadata import kept
from advloss.images.picture import Picture, PictureRows, depth_of, flattened, rows_of, to_8bit


def write_picture(path: str | Path, picture: Picture) -> None:
    """Writes a picture that is in memory; see `write_rows`."""
    write_rows(path, rows_of(picture))


def write_rows(path: str | Path, picture: PictureRows) -> None:
    """Writes in the format of the extension, under a temporary name that is renamed at the end.

    PNG and TIFF are written as the rows come; for other formats the whole picture is collected in memory.

    What the format can't hold is reduced: 16 bits to 8 with rounding, alpha laid over white; 16-bit grey with alpha
    becomes RGBA in a TIFF, without grey's profile. What it can hold of EXIF, XMP, texts and the resolution is kept; see
    `reductions`. JPEG and WebP at quality 95, JPEG with its colours at full resolution. Raises InputError for a format
    or a size that can't be written, and for channels or floating point that the format can't hold; OSError where the
    disk is full or the folder closed.
    """
    path = Path(path)
    form = format_of(path)
    check_size(path, picture.height, picture.width)
    picture, _ = _with_metadata(form, picture)
    if picture.alpha and not form.alpha:
        picture = picture.mapped(_flattened, channels=picture.colours, alpha=False)
    _check_held(path, form, picture)
    if depth_of(picture.dtype) not in form.depths:
        picture = picture.mapped(to_8bit, dtype=np.dtype(np.uint8))
    assert form.write is not None
    with replacing(path) as temporary, temporary.open("w+b") as file:
        form.write(file, picture)


def reductions(path: Path, picture: PictureRows) -> list[str]:
    """A sentence on each thing that the file's format can't hold of a picture."""
    form = format_of(path)
    losses = []
    if picture.alpha and not form.alpha:
        losses.append(f"{form.name} files hold no alpha: it is laid over white; PNG and TIFF do")
    if picture.dtype == np.uint16 and 16 not in form.depths:
        losses.append(f"{form.name} files hold no 16 bits a channel: they are rounded to 8; PNG and TIFF do")
    return losses + [f"not kept in {form.name} files: {lost}" for lost in _with_metadata(form, picture)[1]]


def _with_metadata(form: Format, picture: PictureRows) -> tuple[PictureRows, list[str]]:
    """The picture with what the format can hold beside pixels, and what it can't."""
    about, lost = kept(picture.about, form.holds, form.name)
    if picture.icc and "colour profile" not in form.holds:
        lost.append("the colour profile")
    elif picture.icc and form.grey_as_rgb(picture):
        lost.append("the colour profile of grey, since grey is written as three equal channels")
    else:
        return replace(picture, about=about), lost
    return replace(picture, about=about, icc=None), lost


def format_of(path: Path) -> Format:
    """The format of a file's extension. Raises InputError if it can't be written."""
    form = FORMATS.get(path.suffix.lower())
    if form is None or form.write is None:
        written = [extension for extension, one in FORMATS.items() if one.write is not None]
        raise InputError(f"{path}: can't write '{path.suffix}'; use one of {', '.join(written)}")
    return form


def check_size(path: Path, height: int, width: int) -> None:
    """Raises InputError if a picture of this size is too large for the file's format."""
    form = format_of(path)
    if max(height, width) > form.longest:
        raise InputError(
            f"{path}: {width}x{height} pixels, and a {form.name} has at most {form.longest} a side; use PNG or TIFF"
        )


def _check_held(path: Path, form: Format, picture: PictureRows) -> None:
    """Raises InputError for channels or floating point that the format can't hold."""
    if picture.channels not in form.channels:
        counts = ", ".join(map(str, sorted(form.channels)))
        raise InputError(
            f"{path}: a {form.name} holds {counts} channels, and the picture has {picture.channels}; use .tif or .npy"
        )
    if picture.dtype == np.float32 and "float" not in form.depths:
        raise InputError(f"{path}: a {form.name} holds no floating point, which the picture is; use .tif or .npy")


def _flattened(rows: np.ndarray) -> np.ndarray:
    return flattened(Picture(rows[..., :-1], rows[..., -1])).pixels
