"""Pictures to validate on that are too small, damaged or of other sizes are named before the first iteration, and no
picture, metric or method ends a training at a validation."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.losses.metrics import PSNR
from tests.bad_input.helpers import RUN, halved
from tests.data.pictures import fill
from tests.training.started import TINY_PAIRS, done, log, refused

SR = [
    *("train", "recipe=srresnet-small", "networks.generator={name: srresnet, width: 4, blocks: 1}", "data.batch=2"),
    *("data.crop=32", "data.load=32", "train.log_every=1", "train.checkpoint_every=2", "train.validate_every=2"),
    *("train.sample_every=2", "hr", "data.val=held", "--run", "run", "--iterations", "2"),
]
PAIRS = [
    *("train", "recipe=pix2pix-small", *TINY_PAIRS, "data.a=edges", "data.b=photo", "data.val=held"),
    *("data.resize=none", "train.validate_every=2", "--run", "run"),
    *("--iterations", "2"),
]


def before_training(said: str) -> str:
    """What was said before the first iteration."""
    return said.partition("iteration 2/2")[0]


SMALL_SIZES = [(1, 1), (3, 3), (3, 90), (8, 8), (64, 9), (17, 16), (18, 90)]
"""(height, width) on which PSNR without a border of 4 or SSIM's windows of 11 pixels can't be computed."""


def test_small_pictures_are_left_out_of_a_super_resolution_validation() -> None:
    fill(Path("hr"), 4, 0, 48, 48)
    fill(Path("held"), ["a.png", "b.png"], 10, 40, 44)
    alone = done(*SR).stderr.partition("validation after iteration 2: ")[2]
    assert alone
    for height, width in SMALL_SIZES:
        fill(Path("held"), [f"{height}x{width}.png"], 20, height, width)
    fill(Path("held"), ["20x20.png"], 20, 20, 20)
    Path("runs").rename("before")
    said = done(*SR).stderr
    assert "val: 7 pictures are left out of validation: held/17x16.png: " in before_training(said)
    assert "20x20" not in said and "left out" not in said.partition("left out")[2]
    Path("runs").rename("second")
    for name in ("a.png", "b.png", "20x20.png"):
        Path("held", name).unlink()
    assert "val: not one of its 7 pictures can be validated on: held/17x16.png: " in refused(*SR)
    assert not Path("runs").exists()


def test_damaged_pictures_are_left_out() -> None:
    fill(Path("hr"), 4, 0, 48, 48)
    fill(Path("held"), ["a.jpg", "b.jpg", "c.jpg"], 10, 40, 44)
    Path("held/b.jpg").write_bytes(b"no picture")
    halved(Path("held/c.jpg"))
    said = done(*SR).stderr
    assert "val: " in before_training(said) and "held/b.jpg" in before_training(said)
    assert said.count("skipped held/c.jpg: ") <= 1  # though the samples and the metrics both meet it
    assert "validation" in str(log(Path(), "run")[-1])


def test_pairs_that_do_not_fit_are_left_out() -> None:
    for name in ("edges", "photo"):
        fill(Path(name), 3, 0, 64, 64)
        fill(Path("held", name), ["good.png", "small.png"], 9, 64, 64)
        Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(Path("held", name, "small.png"))
    said = done(*PAIRS).stderr
    assert "val: 1 picture is left out of validation: held/edges/small.png: 40x20 pixels" in before_training(said)
    assert "validation after iteration 2" in said


@pytest.mark.parametrize("error", [KeyError, MemoryError])
def test_no_error_of_a_picture_ends_the_training(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    fill(Path("hr"), 4, 0, 48, 48)
    fill(Path("held"), 3, 10, 40, 44)
    good, calls = PSNR.forward, []

    def bad(self, x, y):
        calls.append(x.shape)
        if len(calls) > 3 and len(calls) % 3 == 0:  # the first are those of the checks before the training
            raise error("no memory\nfor that")
        return good(self, x, y)

    monkeypatch.setattr(PSNR, "forward", bad)
    said = done(*SR).stderr
    assert "left out of validation: held/" in said and (RUN / "model.safetensors").is_file()


def test_pictures_are_tried_in_the_precision_of_the_training():
    for split in ("train", "val"):
        fill(Path("own") / split, ["a.png", "b.png"], height=48, width=48)
    words = ["recipe=srresnet-small", "own", "data.batch=1", "data.crop=32", "train.validate_every=1"]
    networks = ["networks.generator.width=2", "networks.generator.blocks=1"]
    done("train", *words, *networks, "train.precision=fp64", "--iterations", "1", "--run", "run")
    assert any("validation" in line for line in log(Path(), "run"))
