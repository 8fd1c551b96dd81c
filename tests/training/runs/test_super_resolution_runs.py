"""Runs of super-resolution recipes from the command line: data of every kind, resumption, several processes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from tests.data.pictures import fill, picture
from tests.training.started import done, log, refused, succeed

SMALL = [
    "networks.generator.width=4",
    "networks.generator.blocks=1",
    "data.crop=32",
    "data.batch=2",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.validate_every=4",
    "train.sample_every=4",
]
ADVERSARY = (
    "losses.adversarial={loss: adversarial, between: [sr, hr], objective: hinge, "
    "discriminator: {name: unet, width: 2}, pool: 3}"
)
WORDS = ["train", "recipe=srresnet-small", *SMALL]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Large pictures to train on, and two of other sizes in val/."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "photos/train", 4, 0, 40, 45)
    fill(tmp_path / "photos/val", 2, 9, 37, 50)
    return tmp_path / "photos"


def run(name: str) -> Path:
    return Path("runs") / name


def weights(name: str) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in load_file(run(name) / "model.safetensors").items()}


def test_a_folder_of_large_pictures(photos: Path):
    result = done(*WORDS, photos, "--iterations", "4", "--run", "r")
    assert "train 4 of b (pictures); val 2 of b (pictures)" in result.stderr
    measured = next(entry["validation"] for entry in log(Path(), "r") if "validation" in entry)
    assert measured.keys() == {"psnr", "ssim", "bicubic"}
    grid = Image.open(run("r") / "samples/0000004.png")
    assert grid.width == 4 + 3 * (2 * 48 + 4) and grid.height == 18 + 4 + 2 * (2 * 36 + 4)  # cut to multiples of 4


NOISE = "{name: albumentations, transforms: [{name: GaussNoise, p: 1}]}"


@pytest.mark.parametrize("degradation", ["second_order", NOISE])
def test_a_resumed_run_ends_with_the_same_bytes(photos: Path, degradation: str):
    words = [*WORDS, photos, f"data.degradation={degradation}", ADVERSARY, "--run"]
    done(*words, "whole", "--iterations", "6")
    done(*words, "cut", "--iterations", "3")
    done(*words, "cut", "--iterations", "6", "--resume", "data.workers=1")
    assert weights("whole") == weights("cut")
    done(*words, "cleaner", "--iterations", "6", "data.degradation=bicubic")
    assert weights("whole") != weights("cleaner")


def test_small_and_large_pictures_from_two_folders(photos: Path):
    for number in range(3):
        Image.fromarray(picture(number, 40, 44)).save(photos / f"train/00{number}.png")
        small = Image.fromarray(picture(number, 40, 44)).resize((11, 10), Image.Resampling.BOX)
        (photos / "small").mkdir(exist_ok=True)
        small.save(photos / f"small/00{number}x4.png")
    (photos / "train/003.png").unlink()
    words = [*WORDS, "data.degradation=null", f"data.a={photos}/small", f"data.b={photos}/train", "--iterations", "2"]
    assert "data.degradation" not in done(*words, "--run", "pairs").stderr
    said = done(*words, "data.degradation=bicubic", "--dry-run").stderr
    assert "data.degradation makes none for training" in said
    assert (run("pairs") / "model.safetensors").is_file()
    message = refused(*words, "--run", "odd", "method.scale=2")
    assert "the second must be 2 times as large as the first" in message
    message = refused(*words, "--run", "val", f"data.val={photos}/val")
    assert "data.degradation" in message and not run("val").exists()


def test_drawn_pictures_serve_for_a_first_trial(photos: Path):
    done(*WORDS, "stripes", "data.load=64", "--iterations", "1", "--run", "r")


def test_an_adversarial_run_starts_from_a_model_and_no_more_needs_it_to_go_on(photos: Path):
    done(*WORDS, photos, "--iterations", "2", "--run", "first")
    words = [*WORDS, photos, ADVERSARY, f"initial={run('first')}/model.safetensors", "optimizer.lr=1e-9", "--run"]
    done(*words, "second", "--iterations", "2")
    one, two = (load_file(run(name) / "model.safetensors") for name in ("first", "second"))
    assert all(np.allclose(one[key], two[key], atol=1e-7) for key in one)
    (run("first") / "model.safetensors").unlink()
    done(*words, "second", "--iterations", "3", "--resume")
    message = refused(*words, "third", "--iterations", "2")
    assert "no such model file" in message and "initial=null" in message
    assert not run("third").exists()


def test_a_schedule_that_ends_before_the_training_is_said(photos: Path):
    words = [*WORDS, photos, "--dry-run", "--iterations", "20"]
    assert "learning rate is 0" in done(*words, "schedule.length=10").stdout
    assert "learning rate is 0" not in done(*words, "schedule.length=20").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.degradation=null"], "data.degradation: super_resolution needs small pictures"),
        (["data.crop=48"], "smaller than the crop of 48x48"),
        (["data.direction=b2a"], "data.direction=b2a"),
        (["data.val=nowhere"], "data.val: nowhere: no such folder"),
    ],
)
def test_bad_input(photos: Path, words: list[str], message: str):
    assert message in refused(*WORDS, photos, *words, "--iterations", "1", "--run", "r")
    assert not run("r").exists()


@pytest.mark.slow
def test_two_processes_see_what_one_with_the_doubled_batch_sees(photos: Path, tmp_path: Path):
    words = [*WORDS, str(photos), "data.degradation=second_order", "train.precision=fp64", "--iterations", "4", "--run"]
    succeed(tmp_path, *words, "one", "data.batch=2")
    succeed(tmp_path, *words, "two", "data.batch=1", processes=2)
    ours, theirs = ([e for e in log(tmp_path, name) if "losses" in e] for name in ("two", "one"))
    for two, one in zip(ours, theirs, strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-8)
    one, two = (load_file(run(name) / "model.safetensors") for name in ("one", "two"))
    for key, value in one.items():
        assert np.allclose(two[key], value, rtol=1e-8, atol=1e-12), key
