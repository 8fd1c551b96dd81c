"""What a file tells about its picture beside the pixels: EXIF with the place (GPS), XMP, texts, the resolution."""

import io
import math
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from PIL import Image, TiffImagePlugin
from PIL.ExifTags import IFD

from advloss.core.words import some

Kind = Literal["EXIF", "XMP", "texts", "resolution", "colour profile"]
"""What a format can hold beside pixels."""
XMP_TAG, X_DENSITY, Y_DENSITY, DENSITY_UNIT = 700, 282, 283, 296
DESCRIBING = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 36867, *range(40091, 40096), 50341}
"""Tags of EXIF's first directory that describe the picture: its title, author, camera, date, copyright, rating."""
ABOUT_PIXELS = {
    *(*range(254, 269), *range(273, 285), *range(286, 304), *range(317, 348), *range(512, 533), 34675, XMP_TAG),
    *(0xA002, 0xA003, IFD.Interop),
}
"""Tags about how a file stores its pixels, its size and orientation. They do not describe a file that is made of it."""
OTHERS = {33723: "IPTC", 34377: "Photoshop's block", 33550: "a place on the map (GeoTIFF)", 42113: "a no-data value"}
"""Tags of a TIFF that are not kept, as messages call them."""
OTHER_TAGS = {*OTHERS, 33922, 34264, 34735, 34736, 34737, 42112}
LONGEST_IN_JPEG = {"EXIF": 65527, "XMP": 65504}
"""In bytes: what one marker of a JPEG holds."""
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>\s*))[2-8]")
CM_PER_INCH, METRES_PER_INCH = 2.54, 0.0254


@dataclass(frozen=True)
class Metadata:
    """What is kept in a result, as far as its format holds it. The orientation is that of the pixels as they were read:
    1, so no tag says it.

    exif: a TIFF block, without the six bytes that stand before it in a JPEG. texts: a PNG's (key, text), and comments.
    dpi: pixels an inch, (x, y). others: what no result keeps, in words.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    others: tuple[str, ...] = ()

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that it holds."""
        held: dict[Kind, object] = {"EXIF": self.exif, "XMP": self.xmp, "texts": self.texts, "resolution": self.dpi}
        return tuple(kind for kind, value in held.items() if value)


NOTHING = Metadata()


def of_image(image: Image.Image) -> Metadata:
    """That of a file that Pillow has opened and decoded; not for a TIFF, see `of_tiff`."""
    others = ["Photoshop's block (IPTC)"] if "photoshop" in image.info else []
    exif, density = None, image.info.get("dpi")
    try:
        tags = Image.Image.getexif(image)
        exif = _described(tags)
        others += _unknown(tags)
        if image.info.get("exif") and not len(tags):  # Pillow has warned of it, and gives nothing
            others.append("EXIF, which is damaged")
        if image.format in ("JPEG", "MPO") and not image.info.get("jfif_unit") and X_DENSITY not in tags:
            density = None  # Pillow says 72 where the file says nothing
    except Exception:  # a damaged block; Pillow raises a dozen kinds
        others.append("EXIF, which is damaged")
    return Metadata(exif, _upright(image.info.get("xmp")), _texts(image), _dpi(density), tuple(others))


def of_tiff(file: BinaryIO, offset: int, little: bool, big: bool) -> Metadata:
    """That of the page of a TIFF whose directory stands at the offset, whatever its pixels. little: the byte order;
    big: whether it is a BigTIFF."""
    tags = Image.Exif()
    tags.endian, tags.bigtiff = "<" if little else ">", big
    try:
        tags.load_from_fp(file, offset)
        held = dict(tags.items())
        exif = _described(tags)
    except Exception:
        return Metadata(others=("EXIF, which is damaged",))
    unit = {2: 1.0, 3: CM_PER_INCH}.get(held.get(DENSITY_UNIT, 2), 0.0)
    density = (held.get(X_DENSITY), held.get(Y_DENSITY))
    xmp = held.get(XMP_TAG)
    others = (*(words for tag, words in OTHERS.items() if tag in held), *_unknown(tags))
    return Metadata(exif, _upright(xmp if isinstance(xmp, bytes) else None), (), _dpi(density, unit), others)


def _described(exif: Image.Exif) -> bytes | None:
    """The tags that describe the picture, those of the camera and the place among them; None if there are none."""
    kept = Image.Exif()
    kept.endian = exif.endian or "<"
    for tag, value in exif.items():
        if tag in DESCRIBING:
            kept[tag] = _raw(value)
    for part in (IFD.Exif, IFD.GPSInfo):
        values = {tag: _raw(value) for tag, value in exif.get_ifd(part).items() if tag not in ABOUT_PIXELS}
        if values:
            kept[part] = values
    return kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) else None


def _unknown(exif: Image.Exif) -> list[str]:
    """Words for the tags of which it is not known what they would mean in another file."""
    known = DESCRIBING | ABOUT_PIXELS | OTHER_TAGS | {IFD.Exif, IFD.GPSInfo}
    numbers = sorted(int(tag) for tag in exif if tag not in known)
    return [f"tags of other programs ({some(numbers)})"] if numbers else []


def _raw(value: Any) -> Any:
    """A tag's text as the bytes that it has in the file. Pillow reads them as Latin-1 and would write ASCII."""
    return value.encode("latin-1") if isinstance(value, str) else value


def _upright(xmp: bytes | str | None) -> bytes | None:
    """XMP that says the orientation of the pixels as they were read."""
    data = xmp.encode() if isinstance(xmp, str) else xmp
    return XMP_ORIENTATION.sub(rb"\g<1>1", data) if data else None


def _texts(image: Image.Image) -> tuple[tuple[str, str], ...]:
    """A PNG's texts, and a JPEG's or GIF's comment as the text `Comment`."""
    texts = getattr(image, "text", {}) if image.format == "PNG" else {}
    found = [(str(key), str(value)) for key, value in texts.items() if not _is_block(str(key))]
    comment = image.info.get("comment")
    if isinstance(comment, bytes) and comment:
        with suppress(UnicodeDecodeError):
            return (*found, ("Comment", comment.rstrip(b"\0").decode()))
        found.append(("Comment", comment.rstrip(b"\0").decode("latin-1")))
    return tuple(found)


def _is_block(key: str) -> bool:
    """Whether a PNG's text is EXIF, XMP or a profile in text's clothes."""
    return key == "XML:com.adobe.xmp" or key.startswith("Raw profile type")


def _dpi(density: Any, unit: float = 1.0) -> tuple[float, float] | None:
    """Two finite numbers above 0, times the unit; None for anything else."""
    with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        x, y = (float(value) * unit for value in density)
        if all(math.isfinite(value) and 0 < value < 1e6 for value in (x, y)):
            return x, y
    return None


def kept(about: Metadata, holds: frozenset[Kind], form: str) -> tuple[Metadata, list[str]]:
    """What a format can hold of it, and what it can't, in words. form: the format's name."""
    held: dict[str, Any] = {"EXIF": about.exif, "XMP": about.xmp, "texts": about.texts, "resolution": about.dpi}
    lost = {kind: str(kind) for kind, value in held.items() if value and kind not in holds}
    if form == "JPEG":
        for kind, most in LONGEST_IN_JPEG.items():
            if len(held[kind] or b"") > most:
                lost[kind] = f"{kind}, which is longer than 64 KB"
        comments = tuple(text for text in about.texts if text[0] == "Comment" and len(text[1].encode()) < 65533)[:1]
        if about.texts != comments:
            lost["texts"] = "texts, but a comment"
        held["texts"] = comments
    for kind in lost:
        held[kind] = held[kind] if form == "JPEG" and kind == "texts" else None
    made = Metadata(held["EXIF"], held["XMP"], held["texts"] or (), held["resolution"])
    return made, [*lost.values(), *about.others]


def pillow_options(about: Metadata, form: str) -> dict[str, Any]:
    """The arguments with which Pillow writes it into a JPEG, WebP or BMP."""
    options: dict[str, Any] = {"exif": b"Exif\0\0" + about.exif if about.exif else None, "xmp": about.xmp}
    options["dpi"] = about.dpi or ((0, 0) if form == "BMP" else None)  # for a BMP Pillow's own would be 96
    options["comment"] = about.texts[0][1].encode() if about.texts else None
    return {name: value for name, value in options.items() if value is not None and form != "TIFF"}


def png_chunks(about: Metadata) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG that hold it, each a name and its data. They stand before the pixels."""
    chunks = []
    if about.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / METRES_PER_INCH) for value in about.dpi), 1)))
    if about.exif:
        chunks.append((b"eXIf", about.exif))
    if about.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + about.xmp))
    for key, text in about.texts:
        name = key.encode("latin-1", "replace")[:79] or b"Comment"
        if all(sign == "\n" or " " <= sign <= "~" or "\xa0" <= sign <= "\xff" for sign in text):
            chunks.append((b"tEXt", name + b"\0" + text.encode("latin-1")))
        else:
            chunks.append((b"iTXt", name + bytes(5) + text.encode("utf-8", "replace")))
    return chunks


def add_to_tiff(file: BinaryIO, about: Metadata) -> None:
    """Adds it to a TIFF that is written: a longer directory stands behind the file's end. file: open to read and write.

    TIFF 6.0 (Adobe 1992), section 2; BigTIFF as Aware Systems describes it.
    """
    if not about.kinds():
        return
    file.seek(0)
    head = file.read(16)
    big = head[2] == 43
    word, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    made = _tiff_tags(about, head if big else head[:8])
    place = struct.calcsize(f"<{word}") if big else 4
    file.seek(struct.unpack(f"<{word}", head[place : 2 * place])[0])
    number = struct.unpack(f"<{count}", file.read(struct.calcsize(f"<{count}")))[0]
    before, following = file.read(entry * number), file.read(struct.calcsize(f"<{word}"))
    added = made.tobytes(_end(file))  # a directory of its own, whose entries point behind it
    file.write(added)
    start = struct.calcsize(f"<{count}")
    new = _entries(added[start : start + entry * len(made)], entry)
    table = b"".join(value for _, value in sorted((_entries(before, entry) | new).items()))
    first = _end(file)
    file.write(struct.pack(f"<{count}", len(table) // entry) + table + following)
    file.seek(place)
    file.write(struct.pack(f"<{word}", first))


def _tiff_tags(about: Metadata, head: bytes) -> "TiffImagePlugin.ImageFileDirectory_v2":
    tags = TiffImagePlugin.ImageFileDirectory_v2(ifh=head)
    if about.exif:
        exif = Image.Exif()
        exif.load(about.exif)
        for tag, value in exif.items():
            nested = tag in (IFD.Exif, IFD.GPSInfo)
            tags[tag] = {one: _raw(each) for one, each in exif.get_ifd(tag).items()} if nested else _raw(value)
    if about.xmp:
        tags[XMP_TAG] = about.xmp
        tags.tagtype[XMP_TAG] = 1  # bytes
    if about.dpi:
        tags[X_DENSITY], tags[Y_DENSITY] = about.dpi
        tags[DENSITY_UNIT] = 2  # an inch
    return tags


def _entries(table: bytes, size: int) -> dict[int, bytes]:
    """A directory's entries by tag."""
    each = [table[start : start + size] for start in range(0, len(table), size)]
    return {struct.unpack("<H", one[:2])[0]: one for one in each}


def _end(file: BinaryIO) -> int:
    """The end of the file, made even."""
    end = file.seek(0, io.SEEK_END)
    if end % 2:
        file.write(b"\0")
    return end + end % 2
