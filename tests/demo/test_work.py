"""The work of the page: for each use the bytes that the command line writes, from a folder that is left empty."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.core.errors import InputError, Interrupted
from advloss.demo import samples, work
from advloss.demo.bench import Bench, Job, packed
from advloss.demo.models import Opened, open_models
from advloss.demo.uploads import Limits
from advloss.images.reading import read_picture
from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.data.pictures import fill, picture
from tests.inference import own
from tests.training.started import done

CPU = torch.device("cpu")
CLASSES = {"label": ["red", "green", "blue"]}


class Tokens(own.OwnTokenizer):
    """A token a pixel: its red level."""


class Colours(own.OwnInpainter):
    def classify(self, image: torch.Tensor) -> torch.Tensor:
        return 4 * image.mean((2, 3))


class Painted(own.OwnClassGenerator):
    class network(own.Painter):
        def forward(self, noise: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(noise, label).tanh()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    with Bench(tmp_path / "demo", Limits(10**7, 10**6), print) as made:
        yield made
        assert list(made.jobs.iterdir()) == []


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[type[own.Own]], Opened]:
    def write(method: type[own.Own]) -> Opened:
        monkeypatch.setitem(components.METHODS, "own", method)
        classes = CLASSES if "label" in method.fields else None
        recipe = own.recipe_of("own", resize="shorter", classes=classes)
        save_model(tmp_path / "own.safetensors", recipe, method().state_dict(), {"iteration": 2000})
        return open_models([tmp_path / "own.safetensors"], CPU)[0]

    return write


def deep(path: Path) -> Path:
    """A PNG with 16 bits a channel, alpha and a text."""
    from advloss.images.picture import Picture, rows_of
    from advloss.images.writing import write_rows

    pixels = np.random.default_rng(0).integers(0, 65536, (9, 13, 3)).astype(np.uint16)
    write_rows(path, rows_of(Picture(pixels, pixels[..., 0])))
    return path


def given(files: list[Path]) -> list[str]:
    return [str(file) for file in files]


def test_a_picture_is_translated_to_the_bytes_of_the_command(bench: Bench, opened: Any) -> None:
    one, file = opened(own.OwnTranslator), deep(Path("deep.png"))
    shown, lines = bench.do(lambda job: work.translate(bench, job, one, given([file]), "there", None))
    done("translate", "own.safetensors", "deep.png", "out.png")
    (result,) = shown.files
    assert Path(result).name == "deep.png" and Path(result).read_bytes() == Path("out.png").read_bytes()
    assert read_picture(result).pixels.dtype == np.uint16 and lines[-1] == "1 picture written"
    assert shown.pair is not None and all(Image.open(path).mode == "RGB" for path in shown.pair)
    shown, _ = bench.do(lambda job: work.translate(bench, job, one, given([file]), "there", "tiff"))
    done("translate", "own.safetensors", "deep.png", "out.tiff")
    assert Path(shown.files[0]).read_bytes() == Path("out.tiff").read_bytes()


def test_several_are_upscaled_to_a_zip_of_the_command_s_files(bench: Bench, opened: Any) -> None:
    one = opened(own.OwnUpscaler)
    fill(Path("in"), ["a.png", "c.bmp"])
    (Path("in") / "b.png").write_bytes(b"no picture")
    shown, lines = bench.do(lambda job: work.upscale(bench, job, one, given(sorted(Path("in").iterdir())), False, None))
    good = fill(Path("good"), ["a.png", "c.bmp"])
    done("upscale", good, "out", "--model", "own.safetensors")
    with zipfile.ZipFile(shown.files[0]) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {name: (Path("out") / name).read_bytes() for name in ("a.png", "c.bmp")}
    assert any(line.startswith("skipped: b.png: ") for line in lines)
    assert lines[-1] == "2 pictures written, 1 could not be upscaled"


def test_a_result_that_is_too_large_is_refused_before_work(bench: Bench, opened: Any) -> None:
    one = opened(own.OwnUpscaler)
    fill(Path("in"), ["a.png"], height=501, width=500)
    with pytest.raises(InputError) as error:
        bench.do(lambda job: work.upscale(bench, job, one, ["in/a.png"], False, None))
    assert bench.words(error.value).startswith("a.png: would become 1000x1002 pixels")


def test_a_damaged_picture_is_named_without_the_demo_s_folders(bench: Bench, opened: Any) -> None:
    one = opened(own.OwnTranslator)
    Path("bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as error:
        bench.do(lambda job: work.translate(bench, job, one, ["bad.png"], None, None))
    said = bench.words(error.value)
    assert "bad.png: " in said and str(bench.jobs) not in said


def test_tokens_and_their_reconstruction(bench: Bench, opened: Any) -> None:
    one = opened(Tokens)
    fill(Path("in"), ["a.png"], height=20, width=30)
    for size in (None, 16):
        shown, lines = bench.do(lambda job, size=size: work.tokenize(bench, job, one, ["in/a.png"], size))
        words = ["--model", "own.safetensors", "--overwrite", *([] if size is None else ["--size", str(size)])]
        done("tokenize", "in/a.png", "t.safetensors", *words)
        done("reconstruct", "in/a.png", "again.png", *words)
        tokens, again = map(Path, shown.files)
        assert tokens.read_bytes() == Path("t.safetensors").read_bytes()
        assert again.name == "a.png" and again.read_bytes() == Path("again.png").read_bytes()
        pixels = size**2 if size else 600
        assert f"as {pixels:,} tokens of 256 codes" in lines[0] and f"{pixels:,} bytes, 8 bits a pixel" in lines[0]
        assert shown.grid is not None and Image.open(shown.grid).size[0] >= 480


def test_classes_of_one_and_of_several(bench: Bench, opened: Any) -> None:
    one = opened(Colours)
    for number, colour in enumerate(([250, 9, 9], [9, 250, 9], [9, 9, 250])):
        Path("in").mkdir(exist_ok=True)
        Image.fromarray(np.full((70, 80, 3), colour, np.uint8)).save(f"in/{number}.png")
    shown, _ = bench.do(lambda job: work.classify(bench, job, one, ["in/1.png"]))
    assert next(iter(shown.classes)) == "green" and sum(shown.classes.values()) == pytest.approx(1)
    done("classify", "own.safetensors", "in/1.png", "--out", "one.csv")
    assert Path(shown.files[0]).read_bytes() == Path("one.csv").read_bytes()
    shown, _ = bench.do(lambda job: work.classify(bench, job, one, given(sorted(Path("in").iterdir()))))
    done("classify", "own.safetensors", "in", "--out", "all.csv")
    assert Path(shown.files[0]).read_bytes() == Path("all.csv").read_bytes()
    assert [row[:2] for row in shown.rows] == [["0.png", "red"], ["1.png", "green"], ["2.png", "blue"]]


def test_a_drawn_hole_is_filled(bench: Bench, opened: Any) -> None:
    """What is drawn on a preview of half the size becomes holes of the picture's own pixels."""
    one = opened(own.OwnInpainter)
    Image.fromarray(picture(0, 100, 80)).save("photo.png")
    layer = np.zeros((50, 40, 4), np.uint8)
    layer[10:20, 5:9] = 255
    Image.fromarray(layer).save("layer.png")
    shown, _ = bench.do(lambda job: work.inpaint(bench, job, one, ["photo.png"], ["layer.png"], None))
    result, mask = map(Path, shown.files)
    holes = np.zeros((100, 80), bool)
    holes[20:40, 10:18] = True
    np.testing.assert_array_equal(np.asarray(Image.open(mask)), np.where(holes, 255, 0))
    np.testing.assert_array_equal(np.asarray(Image.open(result)), np.where(holes[..., None], 255, picture(0, 100, 80)))
    done("inpaint", "own.safetensors", "photo.png", mask, "out.png")
    assert (result.name, mask.name) == ("photo.png", "photo-mask.png")
    assert result.read_bytes() == Path("out.png").read_bytes()
    again, _ = bench.do(lambda job: work.inpaint(bench, job, one, ["photo.png"], [], [str(mask)]))
    assert Path(again.files[0]).read_bytes() == result.read_bytes() and len(again.files) == 1
    with pytest.raises(InputError, match="draw over what is to be filled"):
        bench.do(lambda job: work.inpaint(bench, job, one, ["photo.png"], [], None))
    fill(Path("in"), 2)
    with pytest.raises(InputError, match="upload the masks too"):
        bench.do(lambda job: work.inpaint(bench, job, one, given(list(Path("in").iterdir())), [], None))


def test_samples_in_all_forms(bench: Bench, opened: Any) -> None:
    one = opened(Painted)
    assert samples.forms(one) == [samples.GRID, samples.SEPARATE, samples.WALK] and samples.truncates(one)
    (image, (grid,)), _ = bench.do(lambda job: samples.sample(bench, job, one, samples.GRID, 5, 3, None, 0.5))
    done("sample", "own.safetensors", "g.png", "--grid", "--count", "5", "--seed", "3", "--truncate", "0.5")
    assert Path(grid).read_bytes() == Path("g.png").read_bytes() and Image.open(image).size[0] >= 480
    (_, (archive,)), _ = bench.do(lambda job: samples.sample(bench, job, one, samples.SEPARATE, 3, 0, "red", None))
    done("sample", "own.safetensors", "out", "--count", "3", "--label", "red")
    with zipfile.ZipFile(archive) as held:
        assert {name: held.read(name) for name in held.namelist()} == {
            path.name: path.read_bytes() for path in Path("out").iterdir()
        }
    (_, (walk,)), _ = bench.do(lambda job: samples.walk(bench, job, one, 2, 3, 0, "blue", None))
    done("sample", "own.safetensors", "w.webp", "--interpolate", "3", "--count", "2", "--label", "blue")
    assert Path(walk).read_bytes() == Path("w.webp").read_bytes()
    for count in (0, 257):
        with pytest.raises(InputError, match=f"images: {count}; this page makes 1 to 256"):
            bench.do(lambda job, count=count: samples.sample(bench, job, one, samples.GRID, count, 0, None, None))


def test_models_have_names_and_uses(opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(own.OwnInpainter)
    assert (one.name, one.uses, one.about()) == (
        "own",
        ("inpaint", "classify"),
        "own, 2,000 iterations, own.safetensors",
    )
    run = tmp_path / "runs" / "horses"
    run.mkdir(parents=True)
    one.file.rename(run / "model.safetensors")
    twice = open_models([run / "model.safetensors"] * 2, CPU)
    assert [each.name for each in twice] == ["horses (1)", "horses (2)"]
    monkeypatch.setitem(components.METHODS, "own", type("Useless", (own.OwnInpainter,), {"uses": {}}))
    with pytest.raises(InputError, match="declares no use"):
        open_models([run / "model.safetensors"], CPU)


def test_the_end_stops_a_job_at_its_next_call_of_a_network(tmp_path: Path) -> None:
    network = own.Negative()
    with Bench(tmp_path, Limits(1, 1), print) as bench:
        bench.watch(network)

        def endless(job: Job) -> None:
            bench._stopping.set()
            while True:
                network(torch.ones(1))

        with pytest.raises(Interrupted, match="the demo has ended"):
            bench.do(endless)
        with pytest.raises(Interrupted, match="the demo has ended"):
            bench._pool.shutdown()
            bench.do(lambda job: None)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_messages_name_files_as_users_know_them(bench: Bench) -> None:
    with pytest.raises(ValueError, match="given") as error:
        bench.do(lambda job: (_ for _ in ()).throw(ValueError(f"{job.given}: {job.masks}/a/b.png")))
    assert bench.words(error.value) == "the upload: a/b.png"


def test_a_zip_s_bytes_follow_from_its_files(tmp_path: Path) -> None:
    fill(tmp_path / "in" / "deep", 2)
    first = packed(tmp_path / "in", tmp_path / "a.zip").read_bytes()
    (tmp_path / "in" / "deep" / "000.png").touch()
    assert packed(tmp_path / "in", tmp_path / "b.zip").read_bytes() == first
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["deep/000.png", "deep/001.png"]
