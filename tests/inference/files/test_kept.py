"""What upscale and reconstruct keep of files beside pixels, and what they say of all that is not taken or not kept."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from advloss.images.picture import Picture
from advloss.images.reading import read_picture
from advloss.images.writing import write_picture
from tests.data.pictures import fill, picture, profile
from tests.images.test_metadata import HOLDS, check, photograph
from tests.images.tiffs import RGB, Form, tiff
from tests.inference.networks import nearest_model, repeated, tokenizer_model
from tests.training.started import done, refused

TOKENIZER = ("--model", "t.safetensors")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    nearest_model(Path("m.safetensors"))


def upscale(*words: str | Path) -> str:
    return done("upscale", *words, "--model", "m.safetensors").stderr


def test_photographs_in_a_folder_keep_all_that_their_formats_hold():
    sources = (".png", ".jpg", ".webp", ".tif")
    for extension in sources:
        photograph(Path("in") / f"{extension[1:]}{extension}")
    said = upscale("in", "out")
    assert "not kept" not in said
    for extension in sources:
        made = read_picture(Path("out") / f"{extension[1:]}{extension}")
        assert made.pixels.shape == (48, 32, 3)
        check(made.about, HOLDS[extension])
    said = upscale("in", "webp", "--format", "webp")
    assert "not kept in WEBP files: resolution (3 pictures: in/jpg.jpg, in/png.png, in/tif.tif)\n" in said
    assert "not kept in WEBP files: texts (2 pictures: in/jpg.jpg, in/png.png)\n" in said


def test_a_reconstruction_keeps_them_too():
    tokenizer_model(Path("t.safetensors"))
    image = photograph(Path("in/a.png"), orientation=1)
    Image.fromarray(np.dstack([picture(1), picture(2)[..., 0]])).save("in/b.png", icc_profile=profile())
    said = done("reconstruct", "in", "out", *TOKENIZER).stderr
    check(read_picture("out/a.png").about, HOLDS[".png"])
    assert read_picture("out/b.png").icc == profile()
    assert "alpha is laid over white (1 picture: in/b.png)" in said
    assert "several" not in done("tokenize", "in", "x.safetensors", *TOKENIZER).stderr
    done("reconstruct", image, "a.jpg", *TOKENIZER)
    assert read_picture("a.jpg").about.kinds() == ("EXIF", "XMP", "texts", "resolution")


def test_formats_that_are_not_written_become_pngs():
    pages = [Image.fromarray(picture(number)) for number in range(2)]
    pages[0].save("in/a.gif")
    pages[0].save("in/b.avif", save_all=True, append_images=pages[1:])
    pages[0].save("in/c.ppm")
    pages[0].save("in/d.jfif", "JPEG")
    for name in ("e.heic", "notes.txt"):
        Path("in", name).touch()
    said = upscale("in", "out")
    assert {path.name for path in Path("out").iterdir()} == {"a.png", "b.png", "c.png", "d.jfif"}
    assert "AVIF and GIF and PPM files are read and not written: their results are PNGs (in/a.gif, in/b.avif" in said
    assert "in: not taken, since the name is no picture's: 2 files (1 .heic, 1 .txt)\n" in said
    assert "of files that hold several pictures the first is taken (1 picture: in/b.avif)\n" in said
    np.testing.assert_array_equal(read_picture("out/c.png").pixels, repeated(picture(0)))
    assert "are PNGs (in/a.gif)" in upscale("in/a.gif", "single/")
    assert Path("single/a.png").exists()
    assert "in/e.heic: is not named as a picture" in refused(
        "upscale", "in/e.heic", "e.png", "--model", "m.safetensors"
    )


def test_planar_16_bits_and_12_bits_through_upscale():
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    Path("in/a.tif").write_bytes(tiff(deep, Form(16, photometric=RGB, planar=True)))
    Path("in/b.tif").write_bytes(tiff(deep[..., :1] >> 4, Form(12)))
    cv2.imwrite("in/c.png", deep >> 4)
    said = upscale("in", "out")
    np.testing.assert_array_equal(read_picture("out/a.tif").pixels, repeated(deep))
    top = np.floor((deep[..., :1] >> 4) * (65535 / 4095) + 0.5)
    np.testing.assert_array_equal(read_picture("out/b.tif").pixels, repeated(top))
    assert "it sees them as dark (1 picture: in/c.png)\n" in said


def test_a_linked_folder_is_enlarged_and_a_circle_ends():
    fill(Path("far"), ["a.png"])
    Path("in/link").symlink_to(Path("far").resolve())
    Path("far/back").symlink_to(Path("in").resolve())
    said = upscale("in", "out")
    assert [path.as_posix() for path in Path("out").rglob("*.png")] == ["out/link/a.png"]
    assert "links to folders that are read already: in/link/back" in said


def test_a_profile_that_a_format_does_not_hold_is_said():
    write_picture(Path("in/a.png"), Picture(picture(1), None, profile()))
    write_picture(Path("in/b.png"), Picture(picture(1)[..., :1], None, profile("GRAY")))
    assert "not kept in BMP files: the colour profile (1 picture: in/a.png)" in upscale("in/a.png", "a.bmp")
    assert "not kept in WEBP files: the colour profile of grey" in upscale("in/b.png", "b.webp")
    shutil.rmtree("in")
