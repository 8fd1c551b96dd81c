"""Files of every form but TIFF are read exactly, or refused by the form's name; Pillow and OpenCV are the judges."""

import ast
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import advloss
from advloss.images.formats import FORMATS
from advloss.images.picture import stacked
from advloss.images.reading import UnreadableImage, read_header, read_picture

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 21, 35
COLOUR = RNG.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
SMOOTH = cv2.GaussianBlur(COLOUR[..., :3], (0, 0), 4)


def read(path: Path) -> np.ndarray:
    """The file's pixels with alpha; what its header says is compared with them."""
    picture, header = read_picture(path), read_header(path)
    assert header == read_header(path, path.read_bytes())
    np.testing.assert_array_equal(stacked(picture), stacked(read_picture(path, path.read_bytes())))
    assert header.size == picture.pixels.shape[:2] and header.channels == picture.pixels.shape[2]
    assert header.depth == 8 * picture.pixels.dtype.itemsize
    assert header.alpha == (picture.alpha is not None)
    return stacked(picture)


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG's chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples: np.ndarray, bits: int, colour_type: int, interlaced: bool, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of samples [H, W, C] below 2**bits, by the specification (W3C, third edition)."""

    def packed(part: np.ndarray) -> bytes:
        if not part.size:
            return b""
        flat = part.reshape(len(part), -1)[..., None] >> np.arange(bits)[::-1]
        rows = np.packbits((flat & 1).astype(np.uint8).reshape(len(part), -1), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in rows)

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[top::down, left::right] for top, left, down, right in passes] if interlaced else [samples]
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, colour_type, 0, 0, interlaced)
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(b"".join(map(packed, parts)))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(
    ("colour_type", "bits"),
    [
        *[(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)],
        *[(4, 8), (4, 16), (6, 8), (6, 16)],
    ],
)
def test_every_png(tmp_path: Path, colour_type: int, bits: int, transparent: bool, interlaced: bool) -> None:
    if transparent and colour_type in (4, 6):
        return  # they have an alpha channel
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    samples = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, channels))
    palette = RNG.integers(0, 256, (2**bits, 4), dtype=np.uint8)
    more = [(b"PLTE", palette[:, :3].tobytes())] if colour_type == 3 else []
    if transparent:
        clear = palette[:, 3].tobytes() if colour_type == 3 else samples[2, 3].astype(">u2").tobytes()
        more.append((b"tRNS", clear))
    path = tmp_path / "x.png"
    path.write_bytes(png(samples, bits, colour_type, interlaced, *more))
    top = 65535 if bits == 16 else 255
    if colour_type == 3:
        want = palette[samples[..., 0]][..., : 3 + transparent]
    else:
        want = samples * top // (2**bits - 1)
        if transparent:
            shown = (samples != samples[2, 3]).any(axis=2, keepdims=True)
            want = np.concatenate([want, shown * top], axis=2)
    np.testing.assert_array_equal(read(path), want)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_jpeg(tmp_path: Path, mode: str, subsampling: str, progressive: bool) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(SMOOTH).convert(mode).save(path, progressive=progressive, subsampling=subsampling, quality=95)
    made = read(path)
    assert made.shape[2] == (1 if mode == "L" else 3)
    judge = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if mode == "L" else cv2.IMREAD_COLOR)
    judge = judge[..., None] if mode == "L" else judge[..., ::-1]
    assert np.abs(made.astype(int) - judge).max() <= (3 if mode == "CMYK" else 1)


@pytest.mark.parametrize(
    ("extension", "mode", "options"),
    [
        ("webp", "RGB", {"lossless": True}),
        ("webp", "RGBA", {"lossless": True, "exact": True}),
        ("gif", "L", {}),
        ("gif", "P", {}),
        ("gif", "P", {"transparency": 3}),
        ("bmp", "L", {}),
        ("bmp", "RGB", {}),
        ("bmp", "1", {}),
        ("bmp", "P", {}),
        ("ppm", "RGB", {}),
        ("pgm", "L", {}),
        ("pgm", "I;16", {}),
        ("pbm", "1", {}),
        ("tga", "L", {}),
        ("tga", "LA", {}),
        ("tga", "RGB", {}),
        ("tga", "RGBA", {"compression": "tga_rle"}),
        ("ico", "RGBA", {"sizes": [(35, 21)]}),
        ("jp2", "L", {"irreversible": False}),
        ("jp2", "RGB", {"irreversible": False}),
        ("j2k", "RGBA", {"irreversible": False}),
        ("jp2", "I;16", {"irreversible": False}),
    ],
)
def test_files_of_pillow(tmp_path: Path, extension: str, mode: str, options: dict[str, object]) -> None:
    image = Image.fromarray(COLOUR)
    if mode == "I;16":
        image = Image.fromarray(RNG.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16))
    else:
        image = (image if mode in ("RGBA", "LA") else image.convert("RGB")).convert(mode)
    path = tmp_path / f"x.{extension}"
    options = {**options, "transparency": image.getpixel((0, 0))} if "transparency" in options else options
    image.save(path, **options)
    if extension == "gif":  # its palette may have another order
        with Image.open(path) as written:
            image = written.convert("RGBA" if "transparency" in options else "RGB")
    want = np.asarray(image.convert({"P": "RGB", "1": "L"}.get(image.mode, image.mode)))
    np.testing.assert_array_equal(read(path).squeeze(), want)
    assert "transparency" not in options or want[..., 3].min() == 0


def test_avif_as_it_was_written(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA"):
        Image.fromarray(SMOOTH).convert(mode).save(tmp_path / "x.avif", quality=100)
        with Image.open(tmp_path / "x.avif") as image:
            np.testing.assert_array_equal(read(tmp_path / "x.avif"), np.asarray(image))


@pytest.mark.parametrize("extension", ["png", "pnm", "jp2", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_by_opencv(tmp_path: Path, channels: int, extension: str) -> None:
    pixels = RNG.integers(0, 65536, (64, 80, channels), dtype=np.uint16)
    path = tmp_path / f"x.{extension}"
    cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] * (extension == "jp2"))
    np.testing.assert_array_equal(read(path), pixels)


def _avif(bits: int) -> bytes:
    deep = RNG.integers(0, 2**bits, (32, 32, 3)).astype(np.uint16)
    return cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, bits])[1].tobytes()


def _jp2(bits: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SMOOTH).save(buffer, "JPEG2000", irreversible=False)
    data = bytearray(buffer.getvalue())
    start = data.find(b"\xff\x4f\xff\x51") + 42
    for place in range(start, start + 9, 3):
        data[place] = bits - 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.avif", _avif(10), "an AVIF with 10 bits a channel; only those with 8 can be read"),
        ("x.avif", _avif(12), "an AVIF with 12 bits a channel"),
        ("x.jp2", _jp2(12), "a JPEG 2000 with 12 bits a channel; 8 or 16 can be read"),
        ("x.ppm", b"P6 2 2 1023 " + bytes(24), "a PPM of colours with 9 to 15 bits a channel"),
        ("x.ppm", b"Pf 2 2 -1.0 " + bytes(16), "a PPM of mode F"),
    ],
)
def test_forms_that_would_lose_bits_are_refused(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(data)
    for look in (read_header, read_picture):
        with pytest.raises(UnreadableImage, match=name) as raised:
            look(tmp_path / name)
        assert says in str(raised.value)


def test_every_extension_is_read_by_its_content(tmp_path: Path) -> None:
    Image.fromarray(COLOUR[..., :3]).save(tmp_path / "x.png")
    for extension in FORMATS.keys() - {".npy"}:
        path = tmp_path / f"x{extension}"
        path.write_bytes((tmp_path / "x.png").read_bytes())
        np.testing.assert_array_equal(read(path), COLOUR[..., :3])


def test_a_name_that_is_no_picture_s_is_refused_alone_as_in_a_folder(tmp_path: Path) -> None:
    Image.fromarray(COLOUR[..., :3]).save(tmp_path / "x.png")
    for name in ("x", "x.heic", "x.txt"):
        (tmp_path / name).write_bytes((tmp_path / "x.png").read_bytes())
        with pytest.raises(UnreadableImage, match=rf"{name}: is not named as a picture \(\.png, "):
            read_picture(tmp_path / name)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"
OTHERS = {
    "eps": EPS,
    "psd": b"8BPS\0\1" + bytes(20),
    "fits": b"SIMPLE  =                    T" + bytes(3000),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(80),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(80),
    "pcx": b"\x0a\x05\x01\x08" + bytes(200),
    "pdf": b"%PDF-1.4\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_formats_that_are_not_known_are_not_opened(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's reader of EPS would start Ghostscript, whatever the file's name says."""
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a process was started"))
    monkeypatch.setattr("os.system", lambda *_: pytest.fail("a process was started"))
    for extension in FORMATS:
        path = tmp_path / f"x{extension}"
        path.write_bytes(OTHERS[kind])
        for look in (read_header, read_picture):
            with pytest.raises(UnreadableImage, match=rf"x\{extension}: "):
                look(path)


def test_no_picture_is_opened_without_saying_which_formats_it_may_have() -> None:
    package = Path(advloss.__file__).parent
    calls = [
        (file.name, {word.arg for word in call.keywords})
        for file in package.rglob("*.py")
        if ".open(" in (text := file.read_text(encoding="utf-8"))
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Image.open", "PIL.Image.open", "Pillow.open")
    ]
    assert len(calls) >= 2 and all("formats" in words for _, words in calls), calls
