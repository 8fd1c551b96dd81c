"""EXIF with the place, XMP, texts and the resolution: kept from every format to every format that can hold them."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from advloss.images.formats import FORMATS
from advloss.images.metadata import Metadata, add_to_tiff
from advloss.images.picture import Picture, rows_of
from advloss.images.reading import read_picture
from advloss.images.writing import reductions, write_picture
from tests.images.tiffs import DEFLATE, FLOAT, Form, tiff

COLOUR = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" dc:title="Zebra"/>'
    b"<tiff:Orientation>6</tiff:Orientation></rdf:RDF></x:xmpmeta>"
)
UPRIGHT = XMP.replace(b'"6"', b'"1"').replace(b">6<", b">1<")
TEXTS = (("parameters", "a zebra, 20 steps"), ("Author", "Žofie 斑馬"), ("Comment", "seen\nin May"))
MAKER, MODEL, ARTIST, EXIF, GPS, ORIENTATION = 271, 272, 315, 0x8769, 0x8825, 274
WIDTH_IN_EXIF, EXPOSURE, MAKER_NOTE, LATITUDE, NORTH = 0xA002, 0x829A, 0x927C, 2, 1


def exif(orientation: int = 6) -> Image.Exif:
    """As a phone writes it, with the size before the turn and a note of the maker."""
    made = Image.Exif()
    made[MAKER], made[MODEL], made[ARTIST], made[ORIENTATION] = "Nikkor", b"D\xfc", "Žofie".encode(), orientation
    made[EXIF] = {
        WIDTH_IN_EXIF: 24,
        EXPOSURE: IFDRational(1, 250),
        MAKER_NOTE: b"note \x00\xff",
        0x9003: "2026:05:01 10:00:00",
    }
    made[GPS] = {NORTH: "N", LATITUDE: (50.0, 5.0, 15.25)}
    return made


def photograph(path: Path, orientation: int = 6) -> Path:
    """A file with all that its format can hold."""
    image, extension = Image.fromarray(COLOUR), path.suffix
    options: dict[str, object] = {"exif": exif(orientation), "xmp": XMP, "dpi": (300, 150)}
    if extension == ".png":
        texts = PngInfo()
        for key, text in TEXTS:
            texts.add_itxt(key, text) if not text.isascii() else texts.add_text(key, text)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options |= {"pnginfo": texts}
    if extension == ".jpg":
        options |= {"comment": TEXTS[2][1]}
    if extension == ".tif":
        options["tiffinfo"] = {700: XMP}
        options["tiffinfo"] = {700: XMP, **exif(orientation)}
        del options["exif"]
    image.save(path, **options)
    return path


def check(about: Metadata, kinds: set[str], avif: bool = False) -> None:
    """That it is all that was in the photograph, but for the orientation and the size."""
    assert set(about.kinds()) == kinds
    if "EXIF" in kinds:
        held = Image.Exif()
        held.load(about.exif)
        assert held[MAKER] == "Nikkor" and ORIENTATION not in held
        if not avif:  # Pillow's writer of AVIF makes all texts ASCII
            assert (held[MODEL], held[ARTIST].encode("latin-1").decode()) == ("D\xfc", "Žofie")
        assert held.get_ifd(GPS)[LATITUDE] == (50.0, 5.0, 15.25) and held.get_ifd(GPS)[NORTH] == "N"
        assert (
            held.get_ifd(EXIF)[EXPOSURE] == IFDRational(1, 250) and held.get_ifd(EXIF)[MAKER_NOTE] == b"note \x00\xff"
        )
        assert WIDTH_IN_EXIF not in held.get_ifd(EXIF)
    if "XMP" in kinds:
        assert about.xmp == UPRIGHT
    if "resolution" in kinds:
        assert np.allclose(about.dpi, (300, 150), atol=0.02)


HOLDS = {
    ".png": {"EXIF", "XMP", "texts", "resolution"},
    ".jpg": {"EXIF", "XMP", "texts", "resolution"},
    ".webp": {"EXIF", "XMP"},
    ".tif": {"EXIF", "XMP", "resolution"},
    ".bmp": {"resolution"},
    ".npy": set(),
}
"""Of a JPEG's texts, the comment."""


@pytest.mark.parametrize("target", HOLDS)
@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("deep", [False, True])
def test_from_every_format_to_every_format(tmp_path: Path, source: str, target: str, deep: bool) -> None:
    picture = read_picture(photograph(tmp_path / f"in{source}"))
    held = HOLDS.get(source, {"EXIF", "XMP"})
    check(picture.about, held, source == ".avif")
    assert picture.pixels.shape == (24, 16, 3)  # turned
    if deep and 16 not in FORMATS[target].depths:
        return
    if deep:
        picture = Picture(picture.pixels.astype(np.uint16) * 257, about=picture.about)
    path = tmp_path / f"out{target}"
    said = " ".join(sentence for sentence in reductions(path, rows_of(picture)) if sentence.startswith("not kept"))
    write_picture(path, picture)
    made = read_picture(path)
    assert made.pixels.shape == picture.pixels.shape
    if target == ".jpg" and source == ".png":
        assert "not kept in JPEG files: texts, but a comment" in said and made.about.texts == TEXTS[2:]
    kept = held & HOLDS[target]
    check(made.about, kept, source == ".avif")
    for kind in held - kept:
        assert f"not kept in {FORMATS[target].name} files: {kind}" in said
    if source == target == ".png":
        assert made.about.texts == TEXTS
    with Image.open(path) if target != ".npy" else Image.new("L", (1, 1)) as judged:  # another reader finds them too
        assert judged.getexif().get(ORIENTATION, 1) == 1
        if "EXIF" in kept:
            assert judged.getexif().get_ifd(GPS)[LATITUDE] == (50.0, 5.0, 15.25)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_result_is_turned_once(tmp_path: Path, orientation: int) -> None:
    for extension in (".jpg", ".tif", ".png"):
        picture = read_picture(photograph(tmp_path / f"in{extension}", orientation))
        write_picture(tmp_path / f"out{extension}", picture)
        again = read_picture(tmp_path / f"out{extension}").pixels
        assert np.abs(again.astype(int) - picture.pixels).max() <= (40 if extension == ".jpg" else 0)


def test_tiffs_that_pillow_can_not_open_keep_theirs(tmp_path: Path) -> None:
    picture = read_picture(photograph(tmp_path / "in.jpg"))
    for pixels in (np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 1), np.float32), np.zeros((4, 5, 1), np.uint16)):
        write_picture(tmp_path / "x.tif", Picture(pixels, about=picture.about))
        made = read_picture(tmp_path / "x.tif")
        np.testing.assert_array_equal(made.pixels, pixels)
        check(made.about, {"EXIF", "XMP", "resolution"})
        with tifffile.TiffFile(tmp_path / "x.tif") as file:
            tags = file.pages[0].tags
            assert tags[MAKER].value == "Nikkor" and list(tags.keys()) == sorted(tags.keys())
            assert tags["GPSTag"].value["GPSLatitude"][:2] == (50, 1)
    for order in "<":
        form = Form(32, FLOAT, extra=(0,) * 2, compression=DEFLATE, big=True, order=order)
        file = io.BytesIO(tiff(np.ones((4, 5, 3), np.float32), form))
        add_to_tiff(file, picture.about)
        (tmp_path / "big.tif").write_bytes(file.getvalue())
        check(read_picture(tmp_path / "big.tif").about, {"EXIF", "XMP", "resolution"})


def test_what_no_format_keeps_is_said(tmp_path: Path) -> None:
    iptc = Form(more=((33723, 4, (7,)), (33550, 4, (1, 1)), (37724, 4, (9,)), (42113, 1, (48, 0))))
    (tmp_path / "x.tif").write_bytes(tiff(np.zeros((4, 5, 1), np.uint8), iptc))
    said = reductions(tmp_path / "y.tif", rows_of(read_picture(tmp_path / "x.tif")))
    assert said == [
        f"not kept in TIFF files: {what}"
        for what in ("IPTC", "a place on the map (GeoTIFF)", "a no-data value", "tags of other programs (37724)")
    ]
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    (tmp_path / "x.jpg").write_bytes(buffer.getvalue())
    assert "EXIF, which is damaged" in " ".join(
        reductions(tmp_path / "y.jpg", rows_of(read_picture(tmp_path / "x.jpg")))
    )


def test_what_is_longer_than_a_marker_of_a_jpeg_is_said(tmp_path: Path) -> None:
    note = Image.Exif()
    note[EXIF] = {MAKER_NOTE: bytes(70000)}
    long = Metadata(note.tobytes()[6:], b"x" * 70000, (("Comment", "y" * 70000),), (72.0, 72.0))
    picture = Picture(COLOUR, about=long)
    said = reductions(tmp_path / "x.jpg", rows_of(picture))
    assert [words.partition(": ")[2] for words in said] == [
        "EXIF, which is longer than 64 KB",
        "XMP, which is longer than 64 KB",
        "texts, but a comment",
    ]
    write_picture(tmp_path / "x.jpg", picture)
    assert read_picture(tmp_path / "x.jpg").about.kinds() == ("resolution",)


def test_texts_of_any_signs_come_back(tmp_path: Path) -> None:
    texts = (("A", ""), ("B", "a\0b"), ("C", "é" * 9), ("D", "\x07"), ("E", "𝄞" * 20000))
    for one in texts:
        write_picture(tmp_path / "x.png", Picture(COLOUR, about=Metadata(texts=(one,))))
        assert read_picture(tmp_path / "x.png").about.texts == (one,)
    assert struct.unpack(">I", (tmp_path / "x.png").read_bytes()[16:20]) == (24,)
