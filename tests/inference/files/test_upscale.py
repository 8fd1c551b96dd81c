"""`advloss upscale` on files of every kind: what a network that repeats each pixel makes of them is known exactly."""

import shutil
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from advloss.images.reading import Picture, read_picture
from advloss.images.writing import write_picture
from tests.data.pictures import fill, picture, profile
from tests.inference.networks import nearest_model, repeated, srvgg_checkpoint
from tests.training.started import done, invoke

ICC, GREY_ICC = profile(), profile("GRAY")
RGB, ALPHA = picture(1, 9, 7), picture(2, 9, 7)[..., 0] // 2 + 128
DEEP = np.random.default_rng(3).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
DEEP_ALPHA = np.random.default_rng(4).integers(40000, 65536, (9, 7), dtype=np.uint16)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    nearest_model(Path("m.safetensors"))


def upscale(*words: str | Path) -> str:
    return done("upscale", *words, "--model", "m.safetensors").stderr


def of_every_kind(folder: Path) -> dict[str, Picture]:
    """Files of every kind that is kept exactly, and what each holds."""
    image = Image.fromarray(RGB)
    held = {}
    for extension in ("png", "tif"):
        for name, made in {
            "rgb": Picture(RGB, None, ICC),
            "grey": Picture(RGB[..., :1], None, GREY_ICC),
            "rgba": Picture(RGB, ALPHA, ICC),
            "grey-alpha": Picture(RGB[..., :1], ALPHA),
            "deep": Picture(DEEP, None, ICC),
            "deep-grey": Picture(DEEP[..., :1], None, GREY_ICC),
            "deep-rgba": Picture(DEEP, DEEP_ALPHA, ICC),
            "opaque": Picture(RGB, np.full((9, 7), 255, np.uint8)),
            "veil": Picture(DEEP, np.full((9, 7), 7, np.uint16)),
        }.items():
            held[f"{name}.{extension}"] = made
            write_picture(folder / f"{name}.{extension}", made)
    held["deep-grey-alpha.png"] = Picture(DEEP[..., :1], DEEP_ALPHA, GREY_ICC)
    write_picture(folder / "deep-grey-alpha.png", held["deep-grey-alpha.png"])
    image.convert("P").save(folder / "palette.png")
    held["palette.png"] = Picture(np.asarray(image.convert("P").convert("RGB")))
    image.convert("1").save(folder / "bits.png")
    held["bits.png"] = Picture(np.asarray(image.convert("1").convert("L"))[..., None])
    seen = image.convert("P")
    seen.save(folder / "palette-alpha.png", transparency=seen.getpixel((0, 0)))
    with Image.open(folder / "palette-alpha.png") as file:
        array = np.asarray(file.convert("RGBA"))
    held["palette-alpha.png"] = Picture(array[..., :3] * (array[..., 3:] > 0), array[..., 3])
    image.save(folder / "plain.bmp")
    held["plain.bmp"] = Picture(RGB)
    return held


def test_pictures_of_every_kind_are_kept_as_they_are_and_repeated_exactly():
    held = of_every_kind(Path("in"))
    assert f"{len(held)} pictures written" in upscale("in", "out")
    assert {path.name for path in Path("out").iterdir()} == held.keys()
    for name, was in held.items():
        made = read_picture(Path("out", name))
        assert made.pixels.dtype == was.pixels.dtype and made.icc == was.icc, name
        np.testing.assert_array_equal(made.pixels, repeated(was.pixels), name)
        assert (made.alpha is None) == (was.alpha is None), name
        if was.alpha is not None:
            np.testing.assert_array_equal(made.alpha, repeated(was.alpha), name)


@pytest.mark.parametrize("extension", ["jpg", "webp"])
def test_jpeg_and_webp_keep_their_profile_and_nearly_their_pixels(extension: str):
    smooth = np.linspace(0, 255, 32 * 24 * 3).astype(np.uint8).reshape(32, 24, 3)
    Image.fromarray(smooth).save(f"in/a.{extension}", quality=100, icc_profile=ICC)
    Image.fromarray(smooth[..., 0]).save(f"in/grey.{extension}", quality=100)
    upscale("in", "out")
    made = read_picture(f"out/a.{extension}")
    assert made.icc == ICC
    read = read_picture(f"in/a.{extension}").pixels
    assert np.abs(made.pixels.astype(int) - repeated(read)).mean() < 2
    with Image.open(f"out/grey.{extension}") as image:
        assert image.mode == ("L" if extension == "jpg" else "RGB") and image.size == (48, 64)


def test_cmyk_becomes_rgb():
    Image.fromarray(np.full((8, 8, 3), (200, 30, 90), np.uint8)).convert("CMYK").save("in/a.jpg", quality=100)
    upscale("in/a.jpg", "a.png")
    made = read_picture("a.png")
    assert made.pixels.shape == (16, 16, 3) and np.abs(made.pixels - np.array([200.0, 30, 90])).max() < 6


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_is_applied_and_not_written_again(extension: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth = np.linspace(0, 200, 32 * 16 * 3).astype(np.uint8).reshape(32, 16, 3)
    Image.fromarray(smooth).save(f"in/a.{extension}", exif=exif, quality=95)
    upscale(f"in/a.{extension}", f"a.{extension}")
    upright = np.rot90(smooth, 2 if orientation == 3 else -1)
    with Image.open(f"a.{extension}") as image:
        assert 0x0112 not in image.getexif()
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - repeated(upright)).mean() < 4


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (33, 47)])
def test_a_picture_of_any_size_in_tiles(size: tuple[int, int]):
    pixels = picture(5, *size)
    Image.fromarray(pixels).save("in/a.png")
    for name, words in {
        "tiles": ["--tile", "8", "--overlap", "2"],
        "exact": ["--tile", "16", "--overlap", "exact"],
        "whole": ["--tile", "0"],
        "ensemble": ["--self-ensemble"],
        "fp32": ["--precision", "fp32"],
        "default": [],
    }.items():
        upscale("in/a.png", f"{name}.png", *words)
        np.testing.assert_array_equal(read_picture(f"{name}.png").pixels, repeated(pixels), name)


def test_format_changes_the_files_format_and_keeps_names_that_have_it():
    fill(Path("in"), ["a.png", "b.jpeg", "deep/c.webp", "d.TIF"][:2])
    fill(Path("in/deep"), ["c.webp"])
    Image.fromarray(RGB).save("in/d.TIF")
    for form, names in {
        "png": ["a.png", "b.png", "d.png", "deep/c.png"],
        "jpg": ["a.jpg", "b.jpeg", "d.jpg", "deep/c.jpg"],
        "tiff": ["a.tiff", "b.tiff", "d.TIF", "deep/c.tiff"],
        "webp": ["a.webp", "b.webp", "d.webp", "deep/c.webp"],
    }.items():
        upscale("in", form, "--format", form)
        files = [path.relative_to(form) for path in sorted(Path(form).rglob("*")) if path.is_file()]
        assert files == [Path(name) for name in names]
        for path in files:
            with Image.open(form / path) as image:
                assert image.format == {"jpg": "JPEG"}.get(form, form.upper())
    upscale("in/a.png", "webp/deep", "--format", "jpg")
    assert Path("webp/deep/a.jpg").exists()
    upscale("in/a.png", "x.jpeg", "--format", "jpg")


def test_a_folder_is_gone_on_with_where_it_was_left():
    fill(Path("in"), ["a.png"])
    fill(Path("in/deep/er"), ["b.png", "c.jpg"], first=1)
    Path("in/notes.txt").write_text("no picture")
    fill(Path("out"), ["a.png"], first=9)
    before = Path("out/a.png").read_bytes()
    assert "2 pictures written, 1 were there already (--overwrite replaces them)" in upscale("in", "out")
    assert Path("out/a.png").read_bytes() == before
    assert "0 pictures written, 3 were there already" in upscale("in", "out")
    assert "3 pictures written" in upscale("in", "out", "--overwrite")
    np.testing.assert_array_equal(read_picture("out/a.png").pixels, repeated(read_picture("in/a.png").pixels))


def test_results_within_the_input_and_an_input_within_the_results():
    fill(Path("in"), ["a.png", "b.png"])
    upscale("in", "in/out")
    assert "0 pictures written, 2 were there already" in upscale("in", "in/out")
    assert sorted(path.name for path in Path("in/out").iterdir()) == ["a.png", "b.png"]
    shutil.rmtree("in/out")
    assert "2 pictures written" in upscale("in", ".")
    assert Path("a.png").exists()


def test_further_pages_are_said():
    pages = [Image.fromarray(picture(number, 9, 7)) for number in range(3)]
    for extension in ("tif", "png"):
        pages[0].save(f"in/a.{extension}", save_all=True, append_images=pages[1:])
    pages[1].save("in/b.png")
    said = upscale("in", "out")
    words = "of files that hold several pictures the first is taken (2 pictures: in/a.png, in/a.tif)\n"
    assert words in said and said.count("several") == 1
    for extension in ("tif", "png"):
        np.testing.assert_array_equal(read_picture(f"out/a.{extension}").pixels, repeated(picture(0, 9, 7)))


def test_what_a_format_can_not_hold_is_said_once():
    of_every_kind(Path("in"))
    for path in Path("in").glob("*.tif"):  # they would become the same files
        path.unlink()
    said = upscale("in", "jpg", "--format", "jpg")
    alpha = "JPEG files hold no alpha: it is laid over white; PNG and TIFF do (7 pictures: in/deep-grey-alpha.png, "
    assert said.count("JPEG files hold no alpha") == 1 and alpha in said
    deep = "JPEG files hold no 16 bits a channel: they are rounded to 8; PNG and TIFF do (5 pictures: in/deep"
    assert said.count("JPEG files hold no 16 bits") == 1 and deep in said
    assert "files hold" not in upscale("in", "png", "--format", "png")
    assert "WEBP files hold no 16 bits" in upscale("in/deep.png", "a.webp")


def test_jpeg_keeps_the_edges_of_colours():
    columns = np.zeros((16, 16, 3), np.uint8)
    columns[:, ::2] = (255, 0, 0)
    columns[:, 1::2] = (0, 0, 255)
    write_picture(Path("a.jpg"), Picture(columns))
    assert np.abs(read_picture("a.jpg").pixels.astype(int) - columns).mean() < 8  # 66 with colours at half resolution


def test_a_tile_without_room_is_said_once_and_no_picture_tried_further():
    fill(Path("in"), ["a.png", "b.png", "c.png"], height=40, width=40)
    result = invoke("upscale", "in", "out", "--model", "m.safetensors", "--tile", "16", "--overlap", "8")
    assert result.exit_code == 2 and result.stderr.count("tile must be at least 17") == 1
    assert "skipped: " not in result.stderr and "in/" not in result.stderr
    assert not Path("out").exists()


def test_a_folder_s_results_do_not_go_into_a_folder_that_is_called_a_picture():
    fill(Path("in"), ["a.png"])
    result = invoke("upscale", "in", "o.png", "--model", "m.safetensors")
    assert result.exit_code == 2 and "o.png: is the name of a picture, and in is a folder" in result.stderr
    assert not Path("o.png").exists()
    Path("o.png").mkdir()
    upscale("in", "o.png")
    assert Path("o.png/a.png").exists()


class Bar:
    """What tqdm shows, where nobody can see it."""

    made: ClassVar[list["Bar"]] = []

    def __init__(self, unit: str, disable: object) -> None:
        assert unit == "tile" and disable is None
        self.n, self.total, self.closed = 0, 0, False
        self.made.append(self)

    def update(self, number: int) -> None:
        self.n += number

    def close(self) -> None:
        self.closed = True


def test_a_single_picture_shows_its_tiles(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Bar, "made", [])
    monkeypatch.setattr("advloss.inference.files.convert.TileBar.new", Bar)
    Image.fromarray(picture(1, 30, 40)).save("in/a.png")
    words = ["--tile", "16", "--overlap", "2", "--precision", "fp32"]
    upscale("in/a.png", "a.png", *words)
    assert [(bar.n, bar.total, bar.closed) for bar in Bar.made] == [(9, 9, True)]  # 3 rows of 3
    Image.fromarray(np.dstack([picture(1, 30, 40), picture(2, 30, 40)[..., 0]])).save("in/b.png")
    upscale("in/b.png", "b.png", *words)
    assert [(bar.n, bar.total, bar.closed) for bar in Bar.made[1:]] == [(9, 9, True)] * 2
    upscale("in/b.png", "c.png", "--tile", "0")
    shutil.copy("in/b.png", "in/d.png")
    upscale("in", "out", *words)
    assert len(Bar.made) == 3  # none where there is one tile, nor within a folder's bar


def test_a_checkpoint_of_real_esrgan_is_used_as_it_is_and_imported():
    ours = srvgg_checkpoint(Path("net_g.pth"), 3)
    Image.fromarray(RGB).save("in/a.png")
    done("upscale", "in/a.png", "a.png", "--model", "net_g.pth", "--precision", "fp32")
    done("import", "super_resolution", "net_g.pth", "imported.safetensors")
    done("upscale", "in/a.png", "b.png", "--model", "imported.safetensors", "--precision", "fp32")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    with torch.no_grad():
        wanted = ours(torch.from_numpy(RGB.transpose(2, 0, 1)).float()[None] / 127.5 - 1)
    wanted = (wanted[0].permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5
    np.testing.assert_allclose(read_picture("a.png").pixels, wanted, atol=0.51)


@pytest.mark.parametrize("name", ["msrresnet_x4", "rrdbnet_x2", "rrdbnet_x4", "srvgg_x4"])
def test_the_references_checkpoints_through_import_and_load(golden: Path, name: str):
    from safetensors.torch import load_file

    import advloss

    tensors = load_file(golden / f"{name}.safetensors")
    weights = {key.removeprefix("weights."): value for key, value in tensors.items() if key.startswith("weights.")}
    torch.save({"params_ema": weights}, "net_g.pth")
    done("import", "super_resolution", "net_g.pth", "imported.safetensors")
    model = advloss.load("imported.safetensors")
    made = (model.upscale(tensors["input"] * 2 - 1) + 1) / 2
    torch.testing.assert_close(made, tensors["output"], rtol=0, atol=1e-5)


def test_16_bits_are_computed_not_stretched():
    srvgg_checkpoint(Path("net_g.pth"))
    cv2.imwrite("in/a.png", DEEP)
    done("upscale", "in/a.png", "a.png", "--model", "net_g.pth")
    assert len(np.unique(read_picture("a.png").pixels % 257)) > 100


def test_a_bad_file_is_named_and_counted_and_the_rest_is_done():
    fill(Path("in"), ["a.png", "b.jpg", "c.png"])
    data = Path("in/b.jpg").read_bytes()
    Path("in/b.jpg").write_bytes(data[: len(data) // 2])
    result = invoke("upscale", "in", "out", "--model", "m.safetensors")
    assert result.exit_code == 2
    assert "2 pictures written, 1 could not be upscaled" in result.stderr
    assert "advloss: these could not be upscaled:\nin/b.jpg: " in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]
