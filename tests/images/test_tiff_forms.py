"""TIFF files of every form: what is read is what was stored, or the form is refused by its name.

The files are written by the specification alone (`tests/images/tiffs.py`), and by Pillow, OpenCV and tifffile.
"""

import importlib.util
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from advloss.images.picture import stacked
from advloss.images.reading import UnreadableImage, read_header, read_picture
from tests.images.tiffs import BLACK, COMPLEX, DEFLATE, FLOAT, INT, PACKBITS, PLAIN, RGB, UINT, WHITE, Form, tiff

RNG = np.random.default_rng(0)
SIZE = (20, 37)
LAYOUTS = list(itertools.product("<>", (False, True), (PLAIN, DEFLATE, PACKBITS), (0, 16), (False, True)))
CHANNELS = [(BLACK, ()), (WHITE, ()), (BLACK, (2,)), (BLACK, (0,)), (BLACK, (0,) * 4)]
CHANNELS += [(RGB, ()), (RGB, (0,)), (RGB, (1,)), (RGB, (2,)), (RGB, (0, 0)), (RGB, (0,) * 3), (RGB, (0,) * 10)]
SAMPLES = [(bits, UINT) for bits in (1, 2, 4, 8, 10, 12, 14, 16, 32, 64)] + [(8, INT), (16, INT), (32, INT)]
SAMPLES += [(16, FLOAT), (32, FLOAT), (64, FLOAT), (64, COMPLEX)]
NEEDS_A_LIBRARY = {1, 2, 4, 10, 12, 14}
"""Bits that tifffile unpacks by imagecodecs, which need not be there."""
LIBRARY = importlib.util.find_spec("imagecodecs") is not None


def forms(every: int) -> Iterator[Form]:
    """Each layout with each kind of channels and samples; of those, one in so many."""
    number = 0
    for (bits, kind), (photometric, extra), layout in itertools.product(SAMPLES, CHANNELS, LAYOUTS):
        order, planar, compression, tile, big = layout
        if planar and photometric != RGB and not extra:
            continue
        number += 1
        if number % every == 0:
            rows = 0 if tile else 7
            yield Form(bits, kind, photometric, extra, planar, order, big, compression, rows=rows, tile=tile)


def stored(form: Form) -> np.ndarray:
    """Samples [H, W, C] that a picture can hold, if it can hold the type."""
    shape = (*SIZE, (3 if form.photometric == RGB else 1) + len(form.extra))
    if form.kind == UINT:
        return RNG.integers(0, min(2**form.bits, 2**16), shape).astype(form.dtype)
    if form.kind == INT:
        return RNG.integers(0, 127, shape).astype(form.dtype)
    return RNG.standard_normal(shape).astype(form.dtype)


def wanted(form: Form, samples: np.ndarray) -> np.ndarray:
    """What a file of these samples shows: black is 0, white the most of 8 or 16 bits; alpha is not divided out."""
    top = 255 if form.bits <= 8 else 65535
    whole = samples.astype(np.float64)
    if form.kind == FLOAT:
        return whole
    if form.kind == UINT and form.bits < 16 and form.bits != 8:
        whole = np.floor(whole * top / (2**form.bits - 1) + 0.5)
    if form.photometric == WHITE:
        whole[..., :1] = top - whole[..., :1]
    return whole


def is_no_picture(form: Form) -> bool:
    """Whether no picture holds such numbers."""
    return form.kind == COMPLEX or (form.kind == INT and form.bits == 8)


def outcome(form: Form, path: Path) -> str:
    """Writes a file of this form and reads it. `exact`, or the reason of the refusal."""
    samples = stored(form)
    path.write_bytes(tiff(samples, form))
    for content in (None, path.read_bytes()):
        try:
            picture, header = read_picture(path, content), read_header(path, content)
        except UnreadableImage as error:
            assert str(error).startswith(f"{path}: a TIFF of {form.bits}-bit "), error
            return error.why
        whole = wanted(form, samples)
        assert header.size == SIZE == picture.pixels.shape[:2], form
        assert (header.channels, header.alpha) == (picture.pixels.shape[2], picture.alpha is not None), form
        kind = np.float32 if form.kind == FLOAT else np.uint8 if form.bits <= 8 else np.uint16
        assert picture.pixels.dtype == kind and header.depth == {4: "float", 1: 8, 2: 16}[np.dtype(kind).itemsize], form
        made = stacked(picture)
        assert picture.alpha is not None or not {1, 2} & set(form.extra) or form.kind == FLOAT, form
        if form.extra == (1,) and form.kind != FLOAT:  # colours that are multiplied by alpha
            share = np.maximum(whole[..., 3:], 1) / np.iinfo(kind).max
            whole[..., :3] = np.minimum(np.floor(whole[..., :3] / share + 0.5), np.iinfo(kind).max)
            visible = whole[..., 3] > 0  # under an alpha of 0 there is no colour
            assert np.abs(made[..., :3] - whole[..., :3])[visible].max(initial=0) <= 1, form
            made, whole = made[..., 3:], whole[..., 3:]
        np.testing.assert_array_equal(made, whole.astype(np.float32) if form.kind == FLOAT else whole, str(form))
    return "exact"


def check_forms(path: Path, every: int, least: int) -> None:
    counts: Counter[str] = Counter()
    for form in forms(every):
        what = outcome(form, path)
        if is_no_picture(form):
            assert what.endswith("compression: whole numbers from 0 and floating point can be read"), (form, what)
        elif what != "exact":
            assert "advloss[tiff]" in what and form.bits in NEEDS_A_LIBRARY and not LIBRARY, (form, what)
        counts["exact" if what == "exact" else "refused"] += 1
    assert counts.total() >= least and counts["exact"] > counts.total() / 2


def test_one_in_seventeen_of_all_forms(tmp_path: Path) -> None:
    check_forms(tmp_path / "x.tif", 17, 500)  # 17 has no factor in common with the table's sides


@pytest.mark.slow
def test_all_forms(tmp_path: Path) -> None:
    check_forms(tmp_path / "x.tif", 1, 8900)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", [Form(photometric=RGB), Form(16, photometric=RGB, planar=True), Form(32, FLOAT)])
def test_orientation_in_every_decoder(tmp_path: Path, form: Form, orientation: int) -> None:
    samples = stored(form)
    upright, turned = tmp_path / "1.tif", tmp_path / "2.tif"
    upright.write_bytes(tiff(samples, form))
    turned.write_bytes(tiff(samples, replace(form, orientation=orientation)))
    shown = read_picture(upright).pixels
    flips = {1: shown, 2: shown[:, ::-1], 3: shown[::-1, ::-1], 4: shown[::-1]}
    across = shown.swapaxes(0, 1)
    flips |= {5: across, 6: across[:, ::-1], 7: across[::-1, ::-1], 8: across[::-1]}
    np.testing.assert_array_equal(read_picture(turned).pixels, flips[orientation])
    assert read_header(turned).size == flips[orientation].shape[:2]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "CMYK", "I;16", "F"])
def test_files_of_pillow(tmp_path: Path, mode: str, compression: str) -> None:
    picture = Image.fromarray(RNG.integers(0, 256, (24, 40, 4), dtype=np.uint8))
    if mode in ("I;16", "F"):
        picture = Image.fromarray(RNG.integers(0, 65536, (24, 40)).astype(np.uint16 if mode == "I;16" else np.float32))
    else:
        picture = picture.convert("RGB").convert(mode) if mode in ("P", "CMYK", "1") else picture.convert(mode)
    path = tmp_path / "x.tif"
    try:
        picture.save(path, compression=compression)
    except (OSError, ValueError, RuntimeError):
        pytest.skip("Pillow does not write this one")
    try:
        made = read_picture(path)
    except UnreadableImage as error:
        assert "a TIFF of" in str(error), error
        return
    with Image.open(path) as image:
        want = np.asarray(
            image.convert("RGB") if mode in ("P", "CMYK") else image.convert("L") if mode == "1" else image
        )
    np.testing.assert_array_equal(stacked(made).squeeze(), want)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_files_of_opencv_with_its_lzw(tmp_path: Path, kind: type, channels: int) -> None:
    pixels = (RNG.random((24, 40, channels)) * (1 if kind is np.float32 else np.iinfo(kind).max)).astype(kind)
    cv2.imwrite(str(tmp_path / "x.tif"), pixels[..., [2, 1, 0, 3][:channels]] if channels > 1 else pixels)
    try:
        made = stacked(read_picture(tmp_path / "x.tif"))
    except UnreadableImage as error:
        assert kind is np.float32 and channels > 1 and "LZW compression: it needs a library" in str(error)
    else:
        np.testing.assert_array_equal(made, pixels)


@pytest.mark.parametrize("options", [{"predictor": True}, {"tile": (16, 16)}, {"compression": "lzma"}, {}])
@pytest.mark.parametrize("shape", [(20, 37), (20, 37, 3), (20, 37, 6), (3, 20, 37)])
@pytest.mark.parametrize("kind", ["u1", "u2", "f2", "f4", "f8"])
def test_files_of_tifffile(tmp_path: Path, kind: str, shape: tuple[int, ...], options: dict[str, object]) -> None:
    array = (RNG.random(shape) * (200 if kind == "u1" else 60000)).astype(kind)
    options = {"compression": "zlib", **options} if "predictor" in options and kind[0] == "u" else dict(options)
    options.pop("predictor", None) if kind[0] == "f" else None
    planar = shape[0] == 3
    tifffile.imwrite(
        tmp_path / "x.tif",
        array,
        photometric="rgb" if shape[-1] == 3 or planar else "minisblack",
        planarconfig="separate" if planar else "contig" if len(shape) > 2 else None,
        **options,
    )
    made = stacked(read_picture(tmp_path / "x.tif"))
    want = np.moveaxis(array, 0, 2) if planar else array
    np.testing.assert_array_equal(made.squeeze(), want.astype(np.float32) if kind[0] == "f" else want)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (Form(photometric=32803), "8-bit photometric interpretation 32803, no compression"),
        (Form(16, photometric=5, extra=()), "16-bit CMYK, no compression"),
        (Form(photometric=RGB, extra=(0,) * 20), "it has 23 channels, and a picture 1 to 16"),
        (Form(more=((32997, 4, (5,)),)), "it holds 5 layers, and a picture has one"),
        (Form(compression=34712), "compression 34712"),
    ],
)
def test_forms_that_are_no_picture(tmp_path: Path, form: Form, says: str) -> None:
    channels = {RGB: 3, 5: 4}.get(form.photometric, 1) + len(form.extra)
    samples = RNG.integers(0, 256, (*SIZE, channels)).astype(form.dtype)
    (tmp_path / "x.tif").write_bytes(tiff(samples, form))
    with pytest.raises(UnreadableImage, match=r"x\.tif: a TIFF of .*") as raised:
        read_picture(tmp_path / "x.tif")
    assert says in str(raised.value)


def test_missing_strips_are_not_filled_up(tmp_path: Path) -> None:
    for form in (Form(32, FLOAT, rows=5), Form(16, photometric=RGB, planar=True, tile=16)):
        whole = tiff(stored(form), form)
        path = tmp_path / "x.tif"
        path.write_bytes(whole)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            tag = page.tags[325 if form.tile else 279]
            place = tag.valueoffset
        path.write_bytes(whole[: place + 4] + bytes(4) + whole[place + 8 :])  # the second one's size: 0
        with pytest.raises(UnreadableImage, match="truncated: strips or tiles"):
            read_picture(path)
