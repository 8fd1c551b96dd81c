"""What goes wrong, as the user meets it: one message that says where and what to do, the right exit code, nothing
half-written."""

import errno
import functools
import http.server
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from advloss.data.sampling.sampler import Sampler
from advloss.images.reading import Picture
from advloss.images.writing import write_picture
from advloss.recipe.build_method import build_method
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.source import read
from tests.data.pictures import fill, picture
from tests.inference.networks import nearest_model, srvgg_checkpoint, tokenizer_model
from tests.training.started import TINY, TINY_PAIRS, done, invoke, log, pairs, refused, two_sides

SMALL = ["train", "recipe=cyclegan-small", *TINY]
RUN = Path("runs/run")
PHOTOS = [*SMALL[1:], "photos"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, with two sides of four pictures in `photos`."""
    monkeypatch.chdir(tmp_path)
    two_sides(Path("photos"))


def trained(*words: str, iterations: int = 2) -> None:
    done(*SMALL, "photos", "--run", "run", "--iterations", str(iterations), *words)


# what is written wrong -----------------------------------------------------------------------------------------------

CPU = ["--device", "cpu"]
TYPOS = {
    "unknown recipe": (["recipe=cycelgan", "photos"], ["recipe=cycelgan", "did you mean 'cyclegan'?", ".yaml"]),
    "no recipe": (["photos"], ["recipe=NAME", "`advloss recipes`"]),
    "two recipes": (["recipe=pix2pix", "recipe=cyclegan", "photos"], ["recipe=NAME"]),
    "missing recipe file": (["recipe=mine.yaml", "photos"], ["mine.yaml can't be read"]),
    "unknown key": ([*PHOTOS, "loss.cycle_a.weight=5"], ["command line", "did you mean 'losses'?"]),
    "unknown inner key": ([*PHOTOS, "train.iteration=5"], ["train.iteration", "did you mean 'iterations'?"]),
    "misspelt term": ([*PHOTOS, "losses.cycel_a.weight=5"], ["command line: losses.cycel_a", "'cycle_a'?"]),
    "dashes": ([*PHOTOS, "losses.cycle-a.weight=5"], ["losses.cycle-a", "did you mean 'cycle_a'?"]),
    "misspelt parameter": ([*PHOTOS, "losses.cycle_a.wieght=5"], ["did you mean 'weight'?"]),
    "misspelt loss": ([*PHOTOS, "losses.cycle_a.loss=charbonier"], ["cycle_a.loss", "'charbonnier'?"]),
    "misspelt objective": ([*PHOTOS, "losses.adversarial_a.objective=lsgn"], ["objective", "'lsgan'?"]),
    "misspelt network": ([*PHOTOS, "networks.generator.name=resnt"], ["networks.generator", "'resnet'?"]),
    "network parameter": ([*PHOTOS, "networks.generator.block=2"], ["did you mean 'blocks'?"]),
    "misspelt metric": ([*PHOTOS, "metrics.psn.between=[a,b]"], ["metrics.psn", "did you mean 'psnr'?"]),
    "missing tensor": (
        [*PHOTOS, "losses.cycle_a.between=[cycle_c,a]"],
        ["command line: losses.cycle_a.between.0", "unknown tensor 'cycle_c'", "did you mean 'cycle_"],
    ),
    "missing sample": ([*PHOTOS, "samples=[a,fake_c]"], ["samples", "unknown tensor 'fake_c'"]),
    "one tensor too few": ([*PHOTOS, "losses.cycle_a.between=[a]"], ["'l1' compares 2 tensor(s), 1 given"]),
    "bad YAML": ([*PHOTOS, "losses.cycle_a.between=[a"], ["losses.cycle_a.between: [a is not valid YAML"]),
    "no value": ([*PHOTOS, "optimizer.lr="], ["optimizer.lr", "valid number", "(got '')"]),
    "no sign": ([*PHOTOS, "optimizer.lr"], ["one data set at a time: photos, optimizer.lr", "key=value"]),
    "a key of a value": ([*PHOTOS, "data.batch.x=5"], ["data.batch.x: 'data.batch' is a single value, it has no keys"]),
    "negative rate": ([*PHOTOS, "optimizer.lr=-1"], ["optimizer.lr", "greater than 0", "(got '-1')"]),
    "precision": ([*PHOTOS, "train.precision=fp8"], ["train.precision", "'bf16'"]),
    "a GPU's precision": ([*PHOTOS, "train.precision=tf32", *CPU], ["tf32 is a GPU's", "use auto or fp32"]),
    "graphs on a CPU": ([*PHOTOS, "train.graphs=on", *CPU], ["graphs are a GPU's", "use off or auto"]),
    "compiling": ([*PHOTOS, "train.compile=yes"], ["train.compile", "'on'"]),
    "memory": ([*PHOTOS, "data.memory=gpu"], ["data.memory", "'device'"]),
    "no iterations in the recipe": ([*PHOTOS, "train.iterations=0"], ["train.iterations", "greater than 0"]),
    "no end": ([*PHOTOS, "train.iterations=null"], ["train: says no end: set epochs or iterations"]),
    "all terms off": (
        ["recipe=pix2pix-small", "photos", "losses.l1=null", "losses.adversarial=null"],
        ["losses: no term counts from the first iteration"],
    ),
    "crop": ([*PHOTOS, "data.crop=64"], ["data: crop (64) is larger than load (32)"]),
    "augmentation": ([*PHOTOS, "data.augment=[{name: ColorJiter}]"], ["data.augment[0]", "'ColorJitter'?"]),
    "device": ([*PHOTOS, "--device", "tpu"], ["--device tpu: is cpu or cuda"]),
    "two data sets": ([*PHOTOS, "stripes"], ["one data set at a time: photos, stripes"]),
    "no data": (SMALL[1:], ["`advloss data list`", "data.a=FOLDER data.b=FOLDER"]),
    "half the data": ([*SMALL[1:], "data.a=photos/trainA"], ["data.b=FOLDER"]),
    "a set and a side": ([*PHOTOS, "data.a=photos/trainA"], ["data.b"]),
    "unknown set": ([*SMALL[1:], "horse2zebr"], ["did you mean 'horse2zebra'?", "or a folder"]),
    "missing folder": ([*SMALL[1:], "./horses"], ["horses: no such folder"]),
    "no pairs": (["recipe=pix2pix-small", "stripes"], ["'stripes' has no pairs", "facades-like"]),
    "unpaired folder": (["recipe=pix2pix-small", "sides"], ["share a name", "cyclegan"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPOS)
def test_a_wrong_word_stops_before_anything_is_written(case: str):
    words, fragments = TYPOS[case]
    fill(Path("sides/left"), ["a.png", "b.png"])
    fill(Path("sides/right"), ["c.png", "d.png"])
    said = refused("train", *words)
    for fragment in fragments:
        assert fragment in said
    assert not Path("runs").exists()


def test_every_mistake_of_a_recipe_file_is_named_with_its_line():
    text = Path(__file__).resolve().parents[1].joinpath("recipes/cyclegan-small.yaml").read_text()
    text = text.replace("batch: 1}", "batch: 0, cropp: 3}").replace("order: generator_first", "order: both")
    Path("mine.yaml").write_text(text)
    said = refused("show", "recipe=mine.yaml")
    lines = text.splitlines()
    data, train = (next(n for n, line in enumerate(lines, 1) if line.startswith(k)) for k in ("data:", "train:"))
    assert f"mine.yaml:{data}: data.batch: Input should be greater than 0 (got 0)" in said
    assert f"mine.yaml:{data}: data.cropp: unknown key 'cropp'; did you mean 'crop'?" in said
    assert f"mine.yaml:{train}: train.order:" in said


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("method: [a", "mine.yaml:1: not valid YAML"),
        ("x: 1\ny: {z: 1,\n z: 2}\n", "mine.yaml:3: 'z' is written twice"),
        ("- a\n", "mine.yaml: a recipe is a mapping"),
        ("", "mine.yaml: a recipe is a mapping"),
    ],
)
def test_a_file_that_is_no_recipe(text: str, fragment: str):
    Path("mine.yaml").write_text(text)
    assert fragment in refused("train", "recipe=mine.yaml", "photos")
    assert not Path("runs").exists()


def test_the_command_lines_own_checks_have_exit_code_2_too():
    for words in (["--iterations", "0"], ["--iterations", "x"], ["--nonsense"]):
        result = invoke(*SMALL, "photos", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none():
    trained()
    for words in ([*SMALL, "photos"], ["translate", "runs/run/model.safetensors", "photos", "out"]):
        assert "--device cuda: PyTorch finds no CUDA device" in refused(*words, "--device", "cuda")
    assert not Path("out").exists() and [path.name for path in Path("runs").iterdir()] == ["run"]


# shapes that can't match ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["data.crop=30"], ["networks", "30x30 pixels", "multiples of 4", "data.crop"]),
        (["networks.generator={name: unet, levels: 8, width: 2}"], ["networks", "32x32 pixels", "multiples of 256"]),
        (["losses.adversarial_a.discriminator.layers=5"], ["losses.adversarial_a", "32", "96"]),
        (["losses.look={loss: ms_ssim, between: [fake_b, b]}"], ["losses.look", "at least 161 x 161", "32 x 32"]),
        (
            ["metrics.look={metric: ssim, between: [a, partner_b]}", "data.crop=8"]
            + [f"losses.adversarial_{side}.discriminator.layers=1" for side in "ab"],
            ["metrics.look", "at least 11 x 11", "8 x 8"],
        ),
    ],
)
def test_shapes_that_can_not_work_are_found_before_the_first_batch(words: list[str], fragments: list[str]):
    for more in ([], ["--dry-run"]):
        said = refused(*SMALL, "photos", *words, *more)
        assert all(fragment in said for fragment in fragments), said
    assert not Path("runs").exists()


# the data ------------------------------------------------------------------------------------------------------------


def test_an_empty_folder_and_one_image():
    Path("empty").mkdir()
    assert "empty holds no pictures that can be used; understood are:" in refused(*SMALL, "empty")
    for side in ("trainA", "trainB"):
        Path("hollow", side).mkdir(parents=True)
    assert "hollow/trainA holds no pictures (.png," in refused(*SMALL, "hollow")
    two_sides(Path("one"), 1)
    assert "one/trainA holds 1 image; at least 2 are needed" in refused(*SMALL, "one")
    fill(Path("pair"), 1)
    assert "pair holds 1 image; at least 2 are needed" in refused("train", "recipe=pix2pix-small", "pair")
    assert "pair is one folder of pictures" in refused(*SMALL, "pair")
    assert not Path("runs").exists()


def test_images_smaller_than_the_crop_are_found_before_the_first_round():
    fill(Path("photos/testA"), 1, height=20, width=50)  # it would stop the run at its end
    fill(Path("photos/testB"), 1)
    for words in (["data.crop=48"], []):
        said = refused(*SMALL, "photos", "data.resize=none", *words)
        assert "pixels after the resize, smaller than the crop of" in said and "lower data.crop" in said
        assert ("trainA/000.png: 44x40" if words else "testA/000.png: 50x20") in said
    assert not Path("runs").exists()


def test_images_of_all_kinds_mixed():
    for side in ("trainA", "trainB"):
        folder, rgb = Path("mixed", side), picture(3, 40, 44)
        folder.mkdir(parents=True)
        image = Image.fromarray(rgb)
        cv2.imwrite(str(folder / "deep.png"), rgb.astype(np.uint16) * 257)
        Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(folder / "deep-grey.png")
        for mode in ("P", "L", "LA", "RGBA", "1"):
            image.convert(mode).save(folder / f"{mode}.png")
        image.convert("CMYK").save(folder / "CMYK.jpg")
        image.save(folder / "plain.webp")
    said = done(*SMALL, "mixed", "--run", "run", "--iterations", "9", "data.resize=shorter").stderr
    assert "no problems found" in said and "skipped" not in said
    assert len(log(Path(), "run")) == 9


def halved(path: Path) -> None:
    """Cuts a file in the middle: its header is good, its pixels are not."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def sixty(folder: Path, batch: int, damaged_in: list[int]) -> list[Path]:
    """60 JPEGs a side; those of side a that a run's batches of these numbers need are damaged, and named."""
    for side in ("trainA", "trainB"):
        fill(folder / side, [f"{n:02d}.jpg" for n in range(60)])
    order = Sampler((60, 60), False, batch, 0)
    bad = [folder / "trainA" / f"{order.items(number)[0].indices[0]:02d}.jpg" for number in damaged_in]
    for path in bad:
        halved(path)
    return bad


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_corrupt_jpeg_in_the_middle_of_an_epoch_is_named_skipped_and_counted(workers: int):
    (bad,) = sixty(Path("many"), 6, [4])
    words = ["data.batch=6", "data.memory=off", f"data.workers={workers}", "--run", "run", "--iterations", "20"]
    said = done(*SMALL, "many", *words).stderr
    assert said.count(f"skipped {bad}: ") == 1  # though the second epoch meets it again
    assert "skipped 1 picture that can't be read; it is named above" in said
    assert [line["iteration"] for line in log(Path(), "run")] == list(range(1, 21))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_more_than_one_percent_of_corrupt_jpegs_stops_the_training(workers: int):
    bad = sixty(Path("many"), 6, [3, 5])
    words = ["data.batch=6", "data.memory=off", f"data.workers={workers}", "--run", "run", "--iterations", "20"]
    said = refused(*SMALL, "many", *words)
    assert "2 of 120 pictures can't be read, more than 1%; repair or remove them (`advloss data check`" in said
    assert all(str(path) in said for path in bad)
    assert torch.load(RUN / "checkpoint.pt", weights_only=True)["iteration"] == 4
    assert len(log(Path(), "run")) == 5
    for path in bad:
        fill(path.parent, [path.name])
    assert "from iteration 5" in done("train", "--run", "run", "--resume").stderr


def test_too_many_corrupt_jpegs_in_memory_leave_no_run_behind():
    sixty(Path("many"), 6, [3, 5])
    assert "2 of 120 pictures can't be read" in refused(*SMALL, "many", "--run", "run")
    assert "2 of 120 pictures can't be read" in refused(*SMALL, "many", "--dry-run")
    assert not Path("runs").exists()


def test_validation_images_that_can_not_be_read():
    for side in ("valA", "valB"):
        fill(Path("photos", side), ["a.jpg"])
        halved(Path("photos", side, "a.jpg"))
    assert "skipped photos/valA/a.jpg" in done(*SMALL, "photos", "--run", "run", "--iterations", "2").stderr
    assert not any("validation" in line for line in log(Path(), "run"))


# downloads -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served as the place where data sets are published."""
    folder = Path("server").resolve()
    archive = folder / "cyclegan/datasets/horse2zebra.zip"
    archive.parent.mkdir(parents=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ADVLOSS_DATA", str(Path("cache").resolve()))
    monkeypatch.setenv("ADVLOSS_DATA_URL", f"http://127.0.0.1:{server.server_port}")
    yield archive
    server.shutdown()
    server.server_close()


def test_a_set_that_is_published(published: Path):
    with zipfile.ZipFile(published, "w") as file:
        for path in Path("photos").rglob("*.png"):
            file.write(path, f"horse2zebra/{path.relative_to('photos')}")
    done(*SMALL, "horse2zebra", "--iterations", "1")
    assert Path("runs/cyclegan-small-horse2zebra/model.safetensors").exists()


def test_an_archive_with_a_member_that_leads_out_of_it(published: Path):
    with zipfile.ZipFile(published, "w") as file:
        file.write("photos/trainA/000.png", "horse2zebra/trainA/000.png")
        file.writestr("../../evil.txt", "evil")
    said = refused(*SMALL, "horse2zebra")
    assert "horse2zebra.zip is not safe to unpack: its member '../../evil.txt' leads out of the archive" in said
    assert not list(Path().rglob("evil.txt")) and not Path("cache/unpaired/horse2zebra").exists()
    assert not Path("runs").exists()


def test_a_set_that_is_not_there(published: Path):
    said = refused(*SMALL, "horse2zebra")
    assert "can't download http://127.0.0.1" in said and "404" in said and "put it at" in said
    assert not Path("runs").exists()


def test_a_set_that_can_not_be_reached(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("ADVLOSS_DATA", str(Path("cache").resolve()))
    monkeypatch.setenv("ADVLOSS_DATA_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("advloss.data.download.PAUSE", 0.01)
    said = refused(*SMALL, "horse2zebra")
    assert f"can't download http://127.0.0.1:{port}/cyclegan/datasets/horse2zebra.zip" in said
    assert "Get the file by other means and put it at" in said and "cache/horse2zebra.zip" in said
    assert not Path("runs").exists()


# runs ----------------------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_that_exists_is_not_overwritten():
    trained()
    before = contents(RUN)
    said = refused(*SMALL, "photos", "--run", "run")
    assert "runs/run exists" in said and "--resume" in said and "--run NAME" in said
    assert contents(RUN) == before


def test_a_resume_from_another_recipe_names_what_differs():
    trained()
    before = contents(RUN)
    said = refused(*SMALL, "photos", "--run", "run", "--resume", "--iterations", "4", "losses.cycle_a.weight=3")
    assert "losses.cycle_a.weight: 10.0 then, 3.0 now" in said and "iterations" not in said.partition("resume with")[0]
    said = refused("train", "--run", "run", "--resume", "networks.generator.blocks=2", "losses.identity_a=null")
    assert "networks.generator.blocks: 1 then, 2 now" in said and "losses.identity_a.loss: l1 then, absent now" in said
    two_sides(Path("others"))
    assert "data.name: photos then, others now" in refused(*SMALL, "others", "--run", "run", "--resume")
    said = refused("train", "recipe=pix2pix-small", "photos", "--run", "run", "--resume")
    assert "method.name: cyclegan then, pix2pix now" in said
    assert contents(RUN) == before


def test_a_resume_where_there_is_no_run():
    assert "--resume: there is no run in runs/run" in refused(*SMALL, "photos", "--run", "run", "--resume")
    assert "--resume: there is no run in runs/run" in refused("train", "--run", "run", "--resume")
    assert "--resume: say which run, --run NAME" in refused("train", "--resume")
    assert not Path("runs").exists()


def test_a_resume_from_a_checkpoint_that_is_cut_short():
    trained()
    halved(RUN / "checkpoint.pt")
    assert "runs/run/checkpoint.pt: not a whole checkpoint" in refused("train", "--run", "run", "--resume")
    trained("--run", "other")
    Path("runs/other/recipe.yaml").write_text("method: [")
    words = [*SMALL, "photos", "--run", "other", "--iterations", "4", "--resume"]
    assert "other/recipe.yaml:1: not valid YAML" in refused(*words)


def test_a_resume_at_the_end_changes_nothing():
    trained()
    model = (RUN / "model.safetensors").read_bytes()
    trained("--resume")
    assert (RUN / "model.safetensors").read_bytes() == model


# training that fails -------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_with_the_terms_name():
    said = refused(*SMALL, "photos", "--run", "run", "--iterations", "9", "optimizer.lr=1e30", code=1)
    assert "losses.adversarial_b: its loss is nan in iteration 2" in said
    assert "There is no checkpoint yet. A lower optimizer.lr or train.clip often helps." in said


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch):
    from advloss.training.fast.iteration import FastStep

    trained()
    before = (RUN / "checkpoint.pt").read_bytes()
    play = FastStep.play

    def spoilt(self, batches, number):
        losses = play(self, batches, number)
        losses["adversarial_a.discriminator"] *= float("inf")
        return losses

    with monkeypatch.context() as context:
        context.setattr(FastStep, "play", spoilt)
        words = ["train", "--run", "run", "--resume", "--iterations", "6", "train.log_every=100"]
        said = refused(*words, code=1)
    assert "losses.adversarial_a: its loss (the discriminator's) is inf in iterations 3 to 4" in said
    assert "The last good checkpoint is runs/run/checkpoint.pt: --resume" in said
    assert (RUN / "checkpoint.pt").read_bytes() == before
    trained("--resume", iterations=4)


def test_weights_that_are_not_finite_do_not_replace_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch):
    from advloss.training.fast.iteration import FastStep

    trained()
    before = (RUN / "checkpoint.pt").read_bytes()
    play = FastStep.play

    def spoilt(self, batches, number):
        losses = play(self, batches, number)
        with torch.no_grad():
            next(self.method.g_ba.parameters()).fill_(float("nan"))  # as the gradient of a root at 0 does
        return losses

    monkeypatch.setattr(FastStep, "play", spoilt)
    said = refused(
        "train", "--run", "run", "--resume", "--iterations", "3", "train.checkpoint_every=1", "samples=[]", code=2
    )
    assert "samples" in said
    said = refused("train", "--run", "run", "--resume", "--iterations", "3", code=1)
    assert "g_ba.first.conv.weight: not finite after iteration 3, so no checkpoint was written" in said
    assert (RUN / "checkpoint.pt").read_bytes() == before


# a full disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of 8 MB. Only root may mount one."""
    folder = Path("disk").resolve()
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; the test with a write that fails stands in for it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def left(folder: Path, size: int) -> Path:
    """Fills the disk up to `size` bytes."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - size))
    return filler


def test_a_disk_that_is_full_at_a_checkpoint(disk: Path, monkeypatch: pytest.MonkeyPatch):
    photos = Path("photos").resolve()
    monkeypatch.chdir(disk)
    words = [*SMALL, f"data.name={photos}", "samples=[]", "--run", "run", "--iterations"]
    done(*words, "2")
    before = {name: (RUN / name).read_bytes() for name in ("checkpoint.pt", "model.safetensors")}
    filler = left(Path(), len(before["checkpoint.pt"]) // 2)
    said = refused(*words, "4", "--resume", code=1)
    assert "runs/run/checkpoint.pt: could not be written (" in said
    assert "is the disk full? the one before it is whole; make room, then --resume" in said
    assert {name: (RUN / name).read_bytes() for name in before} == before
    assert not list(RUN.glob(".tmp*"))
    torch.load(RUN / "checkpoint.pt", weights_only=True)
    filler.unlink()
    assert "from iteration 3" in done(*words, "4", "--resume").stderr


def test_a_disk_that_is_full_from_the_start(disk: Path, monkeypatch: pytest.MonkeyPatch):
    photos = Path("photos").resolve()
    monkeypatch.chdir(disk)
    left(Path(), 0)
    assert "runs/run: can't be written (No space left on device)" in refused(*SMALL, str(photos), "--run", "run")


@pytest.mark.parametrize("name", ["checkpoint.pt", "model.safetensors"])
def test_a_write_that_fails_in_the_middle_leaves_the_file_before_it(name: str, monkeypatch: pytest.MonkeyPatch):
    trained()
    before = (RUN / name).read_bytes()

    def broken(content: object, path: Path, **options: object) -> None:
        Path(path).write_bytes(before[: len(before) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        if name == "checkpoint.pt":
            context.setattr(torch, "save", broken)
        else:
            context.setattr("advloss.recipe.model_file.save_file", broken)
        said = refused("train", "--run", "run", "--resume", "--iterations", "4", code=1)
    assert f"runs/run/{name}: could not be written (" in said and "No space left on device" in said
    assert "the one before it is whole; make room, then --resume" in said
    assert (RUN / name).read_bytes() == before
    assert not list(RUN.glob(".tmp*"))
    trained("--resume", iterations=4)
    assert (RUN / name).read_bytes() != before


def test_a_log_that_can_not_be_written(monkeypatch: pytest.MonkeyPatch):
    trained()

    def broken(self: object, entry: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("advloss.training.run_log.RunLog.write", broken)
    said = refused("train", "--run", "run", "--resume", "--iterations", "4", code=1)
    assert "runs/run: could not be written to (" in said and "No space left on device" in said and "--resume" in said


# model files ---------------------------------------------------------------------------------------------------------


def test_a_model_file_that_can_not_be_used():
    trained()
    model = RUN / "model.safetensors"
    fill(Path("in"), 1)

    def said(path: Path) -> str:
        return refused("translate", path, "in", "out")

    assert "none.safetensors: no such model file" in said(Path("none.safetensors"))
    assert "photos: no such model file" in said(Path("photos"))
    shutil.copy(model, "cut.safetensors")
    halved(Path("cut.safetensors"))
    assert "cut.safetensors: not a whole .safetensors file" in said(Path("cut.safetensors"))
    assert "download cut short" in said(Path("cut.safetensors"))
    assert "000.png: not a whole .safetensors file" in said(Path("in/000.png"))
    Path("empty.safetensors").touch()
    assert "empty.safetensors: not a whole .safetensors file" in said(Path("empty.safetensors"))
    save_file({"weight": torch.zeros(3)}, "other.safetensors")
    assert "other.safetensors: holds no recipe, so it is no model of advloss" in said(Path("other.safetensors"))
    for content in ("{", json.dumps({"recipe": {"method": "cyclegan"}}), json.dumps({}), "[]"):
        save_file({"weight": torch.zeros(3)}, "foreign.safetensors", metadata={"advloss": content})
        assert "foreign.safetensors: its recipe" in said(Path("foreign.safetensors"))
    assert not Path("out").exists()


def test_weights_that_do_not_fit_the_recipe_of_their_file():
    from advloss.recipe.model_file import read_model, save_model

    trained()
    method, recipe, _ = read_model(RUN / "model.safetensors")
    state = method.state_dict()
    state["g_ab.last.bias"] = torch.zeros(7)
    save_model(Path("bent.safetensors"), recipe, state, {})
    said = refused("translate", "bent.safetensors", "photos", "out")
    assert "bent.safetensors: its weights do not fit its recipe" in said and "g_ab.last.bias" in said


def test_a_direction_that_the_model_does_not_have():
    pairs(Path("pairs"))
    done("train", "recipe=pix2pix-small", "pairs", *TINY_PAIRS, "--run", "run", "--iterations", "1")
    model = RUN / "model.safetensors"
    said = refused("translate", model, "photos", "out", "--direction", "b2a")
    assert "unknown direction of this model 'b2a' (known: a2b)" in said
    assert "'up'" in refused("translate", model, "photos", "out", "--direction", "up")
    assert not Path("out").exists()


def test_inputs_and_outputs_of_translate():
    trained()
    model = RUN / "model.safetensors"
    Path("empty").mkdir()
    Path("file.png").write_bytes(b"")
    photo = Path("photos/trainA/000.png")
    for words, fragment in (
        (["nowhere", "out"], "nowhere: no such file or folder"),
        (["empty", "out"], "empty: holds no picture"),
        (["photos", "file.png"], "file.png: is a file, and photos is a folder; name a folder"),
        ([photo, "out.gif"], "out.gif: not a format that can be written (.png,"),
    ):
        assert fragment in refused("translate", model, *words)
    assert not Path("out").exists()


# upscaling -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["upscale", "translate"])
def command(request: pytest.FixtureRequest, translator: Path) -> list[str | Path]:
    """A command that goes through files, but for input and output: (before them, after them)."""
    if request.param == "translate":
        return ["translate", translator, "--tile", "0"]
    return ["upscale", "--model", nearest_model(Path("m.safetensors"))]


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of an untrained translator."""
    source = read("pix2pix-small")
    source.override("networks.generator={name: resnet, blocks: 1, width: 2}")
    recipe = resolve(source)
    path = tmp_path_factory.mktemp("translator") / "t.safetensors"
    save_model(path, recipe, build_method(recipe).state_dict(), {})
    return path


def header(path: Path, width: int, height: int) -> None:
    """A PNG that says it is that large, and holds next to nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"x"), (b"IEND", b"")]
    body = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))


def files(folder: str | Path) -> list[str]:
    """What lies in a folder's tree, hidden and half-written files included."""
    return [str(path.relative_to(folder)) for path in sorted(Path(folder).rglob("*")) if path.is_file()]


def test_bad_files_of_all_kinds_are_named_and_counted_and_the_rest_is_done(command: list, monkeypatch):
    fill(Path("in"), ["a.png", "b.jpg", "z.png"])
    halved(Path("in/b.jpg"))
    Path("in/c.png").touch()
    Path("in/d.png").write_text("hello, I am no picture")
    header(Path("in/e.png"), 60_000, 60_000)
    Image.fromarray(picture(0)).convert("F").save("in/f.tif")
    fill(Path("in/shut"), ["g.png"])
    Path("in/h.png").symlink_to("nowhere.png")  # passed over: there is nothing to be read
    os.mkfifo("in/pipe.png")
    _deny(monkeypatch, "scandir", "shut")
    result = invoke(*command, "in", "out")
    assert result.exit_code == 2 and "2 pictures written, 6 could not be" in result.stderr
    said = result.stderr.partition("advloss: ")[2]
    for sentence in (
        "in/shut: the folder can't be read (Permission denied)\n",
        "in/b.jpg: damaged: Truncated File Read\n",
        "in/c.png: the file is empty (0 bytes)\n",
        "in/d.png: not a picture in a format that can be read, whatever its name says\n",
        "in/e.png: 60000x60000 pixels, more than the limit of 268,435,456; not decoded\n",
        "in/f.tif: floating-point samples; save it with 8 or 16 bits a channel\n",
    ):
        assert sentence in said
    assert files("out") == ["a.png", "z.png"]


def _deny(monkeypatch: pytest.MonkeyPatch, function: str, name: str) -> None:
    """Simulates a folder or file that may not be read; root may read everything."""
    real = getattr(os, function)

    def closed(path, *arguments, **options):
        if isinstance(path, str | os.PathLike) and Path(path).name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, function, closed)


def test_one_bad_file(command: list):
    Path("c.png").touch()
    said = refused(*command, "c.png", "out.png")
    assert "c.png: the file is empty (0 bytes)" in said
    assert not Path("out.png").exists() and not list(Path().glob(".tmp*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere; the simulated tests stand in")
def test_folders_that_may_not_be_read_or_written(command: list):
    fill(Path("in"), ["a.png"])
    fill(Path("in/shut"), ["b.png"])
    Path("in/shut").chmod(0)
    Path("closed").mkdir(0o555)
    try:
        assert "in/shut: the folder can't be read (Permission denied)" in refused(*command, "in", "out")
        assert "in/shut: the folder can't be read" in refused(*command, "in/shut", "other")
        assert "closed: can't be written to" in refused(*command, "in", "closed")
        assert "closed: can't be written to" in refused(*command, "in/a.png", "closed/deep/a.png")
        assert files("out") == ["a.png"] and files("closed") == []
    finally:
        Path("in/shut").chmod(0o755)


def test_an_input_folder_that_can_not_be_read(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png"])
    _deny(monkeypatch, "scandir", "in")
    assert "in: the folder can't be read (Permission denied)" in refused(*command, "in", "out")
    assert not Path("out").exists()


def test_an_output_folder_that_can_not_be_written_to(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png"])
    fill(Path("in/deep"), ["b.png"])
    Path("closed").mkdir()
    Path("out/deep").mkdir(parents=True)
    monkeypatch.setattr(
        os, "access", lambda path, mode: not mode & os.W_OK or Path(path).name not in ("closed", "deep")
    )
    for words in (["in", "closed"], ["in", "closed/x/y"], ["in/a.png", "closed"], ["in/a.png", "closed/a.png"]):
        assert "closed: can't be written to; name another folder" in refused(*command, *words)
    assert "out/deep: can't be written to" in refused(*command, "in", "out")  # and the rest is done
    assert files("out") == ["a.png"] and files("closed") == []


def test_a_file_system_that_is_read_only(command: list, disk: Path):
    fill(Path("in"), ["a.png"])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    said = refused(*command, "in", disk / "out")
    assert f"{disk}: can't be written to" in said or "Read-only file system" in said


def test_outputs_that_can_not_be(command: list):
    fill(Path("in"), ["a.png", "b.jpg"])
    Path("file.png").write_bytes(b"mine")
    Path("out/a.png").mkdir(parents=True)
    for words, fragment in (
        (["in/a.png", "file.png"], "file.png exists; --overwrite replaces it"),
        (["in", "file.png"], "file.png: is a file, and in is a folder; name a folder"),
        (["in", "file.png/out"], "file.png: is a file, and results are to go into a folder of that name"),
        (["in/a.png", "file.png/a.png"], "file.png: is a file, and results are to go into a folder of that name"),
        (["in/a.png", "in/a.png", "--overwrite"], "in/a.png: is the input itself; name another"),
        (["in/a.png", "in", "--overwrite"], "in/a.png: is the input itself; name another"),
        (["in", "in", "--overwrite"], "in: is the input itself; name another folder"),
        (["in", "./in/", "--overwrite"], "in: is the input itself; name another folder"),
        (["in/a.png", "a.gif"], "a.gif: not a format that can be written (.png,"),
        (["nowhere", "out"], "nowhere: no such file or folder"),
        (["in", "out", "--overwrite"], "out/a.png: can't be written (Is a directory)"),
    ):
        assert fragment in refused(*command, *words)
    assert Path("file.png").read_bytes() == b"mine" and files("in") == ["a.png", "b.jpg"]
    assert files("out") == ["b.jpg"]


def test_two_pictures_that_would_become_one_file():
    fill(Path("in"), ["a.png", "a.jpg", "b.png"])
    words = ["upscale", "--model", nearest_model(Path("m.safetensors"))]
    said = refused(*words, "in", "out", "--format", "webp")
    assert "in/a.jpg, in/a.png: each would become out/a.webp; rename all but one" in said
    assert files("out") == ["b.webp"]
    said = refused(*words, "in/b.png", "b.png", "--format", "webp")
    assert "b.png: --format webp asks for another format than the file's name" in said


def test_results_that_are_too_large():
    model = nearest_model(Path("m.safetensors"), 4)
    Path("in").mkdir()
    Image.new("L", (16376, 1)).save("in/a.jpg")
    Image.new("L", (4096, 1)).save("in/b.webp")
    Image.new("L", (4200, 4100)).save("in/c.png")
    fill(Path("in"), ["z.png"])
    said = refused("upscale", "in", "out", "--model", model)
    assert "out/a.jpg: 65504x4 pixels, and a JPEG has at most 65500 a side; use another format" in said
    assert "out/b.webp: 16384x4 pixels, and a WEBP has at most 16383 a side" in said
    assert "out/c.png: 16800x16400 pixels, more than the limit of 268,435,456" in said
    assert files("out") == ["z.png"]


def test_a_model_of_another_task(translator: Path):
    model = nearest_model(Path("m.safetensors"))
    fill(Path("in"), ["a.png"])
    said = refused("upscale", "in", "out", "--model", translator)
    assert "t.safetensors is a pix2pix model, it translates: use `advloss translate MODEL INPUT OUTPUT`" in said
    said = refused("translate", model, "in", "out")
    assert "enlarges 2 times, it does not translate: use `advloss upscale INPUT OUTPUT --model MODEL`" in said
    torch.save({"params": {"weight": torch.zeros(3)}}, "other.pth")
    assert "other.pth: expected an RRDBNet" in refused("upscale", "in", "out", "--model", "other.pth")
    assert not Path("out").exists()


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_model_file_that_is_cut_in_half(kind: str):
    fill(Path("in"), ["a.png"])
    if kind == "pth":
        srvgg_checkpoint(Path("m.pth"))
    else:
        nearest_model(Path("m.safetensors"))
    halved(Path(f"m.{kind}"))
    said = refused("upscale", "in", "out", "--model", f"m.{kind}")
    assert f"m.{kind}: not a" in said and "cut short" in said
    assert not Path("out").exists()


def test_options_that_can_not_be(command: list):
    fill(Path("in"), ["a.png"])
    assert "--overlap x: is a number of pixels, or exact" in refused(*command, "in", "out", "--overlap", "x")
    for words in (["--tile", "-1"], ["--tile", "x"], ["--precision", "fp8"], ["--format", "gif"]):
        result = invoke(*command, "in", "out", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("out").exists()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 1 MB. Only root may mount one."""
    folder = Path("small").resolve()
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; the test with a write that fails stands in for it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("extension", ["png", "tif", "jpg", "webp", "bmp", "deep.png", "deep.tif"])
def test_results_on_a_disk_that_is_full(extension: str, small_disk: Path):
    Path("in").mkdir()
    noise = picture(0, 500, 500)
    pixels = noise.astype(np.uint16) * 257 if "deep" in extension else noise
    for name in ("a", "b"):
        write_picture(Path(f"in/{name}.{extension}"), Picture(pixels))
    fill(Path("in"), ["z.png"])
    (small_disk / "filler").write_bytes(bytes((1 << 20) - (1 << 17)))  # 128 KB are left
    said = refused("upscale", "in", small_disk / "out", "--model", nearest_model(Path("m.safetensors")))
    for name in ("a", "b"):
        assert f"out/{name}.{extension}: can't be written (No space left on device)" in said
    assert files(small_disk) == ["filler", "out/z.png"]


@pytest.mark.parametrize("extension", ["png", "deep.png"])
def test_a_result_whose_writing_fails_in_the_middle(command: list, extension: str, monkeypatch: pytest.MonkeyPatch):
    Path("in").mkdir()
    pixels = picture(0, 30, 30)
    write_picture(Path(f"in/a.{extension}"), Picture(pixels.astype(np.uint16) * 257 if "deep" in extension else pixels))
    fill(Path("in"), ["z.jpg"])
    fsync = os.fsync

    def full(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    said = refused(*command, "in", "out")
    assert f"out/a.{extension}: can't be written (No space left on device)" in said
    assert files("out") == ["z.jpg"]


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(command: list, monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["a.png", "b.png", "c.png"])
    real, calls = os.fsync, []

    def interrupted(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(file)

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", interrupted)
        said = refused(*command, "in", "out", code=130)
    assert "interrupted: 1 picture written; the same command goes on from there" in said
    assert files("out") == ["a.png"]
    assert "2 pictures written, 1 were there already" in done(*command, "in", "out").stderr


def test_a_network_that_fails_on_one_picture(command: list, monkeypatch: pytest.MonkeyPatch):
    from advloss.inference.tiles.tiler import Tiler

    fill(Path("in"), ["a.png", "b.png"])
    fill(Path("in"), ["large.png"], height=50)
    bands = Tiler.bands

    def failing(self, image, depth=8):
        if image.shape[2] == 50:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        yield from bands(self, image, depth)

    monkeypatch.setattr(Tiler, "bands", failing)
    assert "in/large.png: there is not enough memory for it" in refused(*command, "in", "out")
    assert files("out") == ["a.png", "b.png"]


# tokens --------------------------------------------------------------------------------------------------------------


def test_tokenizing_what_can_not_be_tokenized(translator: Path):
    tokenizer_model(Path("m.safetensors"))
    tokenizer_model(Path("kl.safetensors"), "{name: kl, channels: 4}")
    fill(Path("in"), ["a.png", "b.png"])
    Path("empty").mkdir()
    Path("bad").mkdir()
    Path("bad/a.png").write_text("no picture")
    Path("file").write_bytes(b"mine")
    Path("folder.safetensors").mkdir()
    for source, target, model, fragment in (
        ("in", "t.pt", "m", "t.pt: a tokens file ends in .safetensors"),
        ("in", "folder.safetensors", "m", "folder.safetensors: is a folder; name a file"),
        ("in", "file/t.safetensors", "m", "file: is a file, and results are to go into a folder of that name"),
        ("nowhere", "t.safetensors", "m", "nowhere: no such file or folder"),
        ("empty", "t.safetensors", "m", "empty: holds no picture"),
        ("bad", "t.safetensors", "m", "none of the pictures could be tokenized:\nbad/a.png: not a picture"),
        ("in", "t.safetensors", "none", "none.safetensors: no such model file"),
        (
            "in",
            "t.safetensors",
            translator.with_suffix(""),
            "is a pix2pix model, it translates: use `advloss translate",
        ),
        ("in", "t.safetensors", "kl", "kl.safetensors has no codes, so there are no tokens"),
    ):
        words = ["tokenize", source, target, "--model", f"{model}.safetensors"]
        assert fragment in refused(*words)
    for words in (["--size", "0"], ["--batch", "0"], ["--shard", "x"]):
        result = invoke("tokenize", "in", "t.safetensors", "--model", "m.safetensors", *words)
        assert result.exit_code == 2 and words[0] in result.stderr
    assert not Path("t.safetensors").exists() and Path("file").read_bytes() == b"mine"
    assert files("folder.safetensors") == []


def test_detokenizing_and_reconstructing_what_can_not_be(translator: Path):
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.png"])
    done("tokenize", "in", "t.safetensors", *model)
    Path("cut.safetensors").write_bytes(Path("t.safetensors").read_bytes()[:-5])
    Path("file").write_bytes(b"mine")
    for words, fragment in (
        (["detokenize", "cut.safetensors", "out", *model], "cut.safetensors: not a whole .safetensors file"),
        (["detokenize", "m.safetensors", "out", *model], "m.safetensors: holds no tokens; `advloss tokenize` makes"),
        (["detokenize", "none.safetensors", "out", *model], "none.safetensors: no such tokens file"),
        (["detokenize", "t.safetensors", "file", *model], "file: is a file; name a folder for the pictures"),
        (["detokenize", "t.safetensors", "file/x", *model], "file: is a file, and results are to go into a folder"),
        (["detokenize", "t.safetensors", "out", "--model", translator], "is a pix2pix model, it translates"),
        (["reconstruct", "in", "out", "--model", translator], "is a pix2pix model, it translates"),
        (["reconstruct", "in", "file", *model], "file: is a file, and in is a folder; name a folder"),
        (["reconstruct", "in", "in", *model], "in: is the input itself"),
        (["reconstruct", "in/a.png", "a.gif", *model], "a.gif: not a format that can be written"),
        (
            ["upscale", "in", "out", *model],
            "m.safetensors is a tokenizer, it does not upscale: use `advloss reconstruct",
        ),
        (["translate", "m.safetensors", "in", "out"], "m.safetensors is a tokenizer, it does not translate"),
    ):
        assert fragment in refused(*words)
    assert not Path("out").exists() and Path("file").read_bytes() == b"mine" and files("in") == ["a.png", "b.png"]


def test_results_of_tokens_that_can_not_be_written(monkeypatch: pytest.MonkeyPatch):
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.jpg"])
    done("tokenize", "in", "t.safetensors", *model)
    fsync = os.fsync

    def full(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().name.endswith(("a.png", ".safetensors")):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    for words in (["detokenize", "t.safetensors", "back"], ["reconstruct", "in", "whole"]):
        said = refused(*words, *model)
        assert f"{words[-1]}/a.png: can't be written (No space left on device)" in said
        assert files(words[-1]) == ["b.png"]
    for words in ([], ["--shard", "1"]):
        said = refused("tokenize", "in", "new/u.safetensors", *model, *words)
        assert "safetensors: can't be written (No space left on device)" in said
    assert files("new") == []


def test_a_shard_that_is_damaged_stops_that_shard_alone():
    model = ["--model", tokenizer_model(Path("m.safetensors"))]
    fill(Path("in"), ["a.png", "b.png", "c.png"])
    done("tokenize", "in", "t.safetensors", *model, "--shard", "1")
    held = load_file("t-00001.safetensors")
    with safe_open("t-00001.safetensors", "pt") as file:
        metadata = file.metadata()
    save_file({**held, "tokens": torch.full_like(held["tokens"], 300)}, "t-00001.safetensors", metadata=metadata)
    said = refused("detokenize", "t.json", "out", *model)
    assert "t-00001.safetensors: damaged: it has the token 300, and the model's 300 codes are 0 to 299" in said
    assert files("out") == ["a.png", "c.png"]


# importing -----------------------------------------------------------------------------------------------------------


def test_imports_that_are_refused():
    torch.save({"weight": torch.zeros(3)}, "other.pth")
    torch.save({"epoch": 3, "weight": torch.zeros(3)}, "whole.pth")
    Path("text.pth").write_text("hello")
    for words, fragments in (
        (["cyclegn", "other.pth", "m.safetensors"], ["unknown method 'cyclegn'; did you mean 'cyclegan'?"]),
        (["cyclegan", "other.pth", "m.pth"], ["m.pth: a model file ends in .safetensors"]),
        (["cyclegan", "none.pth", "text.pth/m.safetensors"], ["text.pth: is a file, and results are to go"]),
        (["cyclegan", "none.pth", "m.safetensors"], ["none.pth: no such file"]),
        (["cyclegan", "text.pth", "m.safetensors"], ["text.pth: not a checkpoint", "no file of torch.save"]),
        (["cyclegan", "whole.pth", "m.safetensors"], ["whole.pth: not the weights of one network"]),
        (["super_resolution", "other.pth", "m.safetensors"], ["other.pth: expected an RRDBNet", "an SRVGG"]),
        (["cyclegan", "other.pth", "m.safetensors"], ["other.pth: ", "a ResNet", "a U-Net", "the file holds weight"]),
    ):
        said = refused("import", *words)
        assert all(fragment in said for fragment in fragments), said
    assert not Path("m.safetensors").exists()


class Trap:
    """What a pickle can hold: something that runs when it is read."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_a_pickle_with_something_in_it_is_refused_without_being_run():
    torch.save({"weight": torch.zeros(3), "trap": Trap()}, "trap.pth")
    said = refused("import", "cyclegan", "trap.pth", "m.safetensors")
    assert "trap.pth: not a checkpoint that can be read safely (it holds " in said and "mkdir" in said
    assert not Path("trapped").exists() and not Path("m.safetensors").exists()
