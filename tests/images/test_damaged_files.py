"""A fuzz of picture files from a fixed seed: each is read, or refused in a message that names it; nothing hangs."""

import io
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.images.picture import Picture
from advloss.images.reading import UnreadableImage, read_header, read_picture
from advloss.images.writing import write_picture
from tests.images.tiffs import DEFLATE, FLOAT, RGB, Form, tiff

RNG = np.random.default_rng(15)
EXTENSIONS = (".png", ".jpg", ".webp", ".tif", ".bmp", ".gif", ".avif", ".jp2", ".ppm", ".tga", ".ico", ".npy")


def whole_files(folder: Path) -> dict[str, bytes]:
    """Small files of every format, by a name."""
    colour = RNG.integers(0, 256, (19, 23, 3), dtype=np.uint8)
    deep = RNG.integers(0, 65536, (19, 23, 3), dtype=np.uint16)
    files = {}
    pictures = {"a.png": Picture(colour), "b.png": Picture(deep, deep[..., 0]), "c.tif": Picture(deep)}
    pictures |= {"d.tif": Picture(colour), "e.npy": Picture(colour), "f.jpg": Picture(colour)}
    pictures |= {"g.webp": Picture(colour, colour[..., 0]), "h.bmp": Picture(colour)}
    for name, picture in pictures.items():
        write_picture(folder / name, picture)
        files[name] = (folder / name).read_bytes()
    for name, form in {"i.gif": "GIF", "j.avif": "AVIF", "k.jp2": "JPEG2000", "l.ppm": "PPM", "m.tga": "TGA"}.items():
        buffer = io.BytesIO()
        Image.fromarray(colour).save(buffer, form)
        files[name] = buffer.getvalue()
    floats = RNG.standard_normal((19, 23, 5)).astype(np.float32)
    files["n.tif"] = tiff(floats, Form(32, FLOAT, extra=(0,) * 4, compression=DEFLATE, rows=4))
    files["o.tif"] = tiff(deep, Form(16, photometric=RGB, planar=True, tile=16, order=">", big=True))
    return files


def damaged(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Each file cut, with bytes changed and with bytes put in; under its name and under another's: (name, bytes)."""
    for name, data in whole.items():
        stem, own = name.split(".")
        for number in range(48):
            extension = f".{own}" if number % 3 else EXTENSIONS[RNG.integers(len(EXTENSIONS))]
            where = int(RNG.integers(len(data)) if number % 2 else RNG.integers(min(len(data), 120)))  # headers too
            kind = number % 4
            if kind == 0:
                yield stem + extension, data[:where]
                continue
            changed = bytearray(data)
            if kind == 1:
                changed[where] ^= 1 << int(RNG.integers(8))
            elif kind == 2:
                changed[where : where + 4] = RNG.bytes(4)
            else:
                changed[where:where] = RNG.bytes(int(RNG.integers(1, 40)))
            yield stem + extension, bytes(changed)


def test_720_damaged_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    whole = whole_files(tmp_path)
    outcomes: Counter[str] = Counter()
    for name, data in damaged(whole):
        path = tmp_path / name
        path.write_bytes(data)
        start = time.process_time()
        for look in (read_header, read_picture):
            try:
                made = look(path)
            except UnreadableImage as error:
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error), error
                outcomes["refused"] += 1
            else:
                assert not isinstance(made, Picture) or (made.pixels.size and 1 <= made.pixels.shape[2] <= 16)
                outcomes["read"] += 1
        assert time.process_time() - start < 5, name
        path.unlink()
    assert outcomes.total() == 1440 and min(outcomes.values()) > 200, outcomes


@pytest.mark.parametrize("name", ["a.png", "b.png", "c.tif", "d.tif", "e.npy", "g.webp", "n.tif", "o.tif"])
def test_a_file_that_is_cut_is_never_filled_up(tmp_path: Path, name: str) -> None:
    """Cut at 40 places. Where it is read all the same (the end says nothing of pixels), it is the whole picture."""
    data = whole_files(tmp_path)[name]
    path = tmp_path / name
    path.write_bytes(data)
    pixels = read_picture(path).pixels
    for end in sorted({int(end) for end in RNG.integers(0, len(data), 40)}):
        path.write_bytes(data[:end])
        try:
            made = read_picture(path)
        except UnreadableImage as error:
            assert error.path == path
        else:
            np.testing.assert_array_equal(made.pixels, pixels)
