"""What a network makes that learns may leave the range of images, in a resumed run as in one that was not stopped."""

from pathlib import Path

import pytest
import torch

import advloss.evaluation.recipe_metrics as recipe_metrics
from advloss.core.errors import InputError
from advloss.training.executor import Executor
from advloss.training.fast.step import FastStep
from tests.training.games import CPU, EXECUTORS, images, small
from tests.training.started import TINY_PAIRS, done, log, pairs, refused

PAIRS = ["train", "recipe=pix2pix-small", "photos", *TINY_PAIRS, "samples=[]", "--run", "run"]
LOSSES = {
    "l1": "{loss: l1, between: [fake_b, b]}",
    "l2": "{loss: l2, between: [fake_b, b]}",
    "charbonnier": "{loss: charbonnier, between: [fake_b, b]}",
    "ssim": "{loss: ssim, between: [fake_b, b]}",
}


@pytest.fixture(params=sorted(EXECUTORS))
def kind(request: pytest.FixtureRequest) -> type[Executor]:
    return EXECUTORS[request.param]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_range_is_bad_input_in_the_first_iteration_and_none_later(kind: type[Executor], loss: str):
    words = ["losses.l1=null", f"losses.{loss}={LOSSES[loss]}"]
    far = {side: 200 * image for side, image in images(0).items()}
    with pytest.raises(InputError, match=rf"losses\.{loss}: .*images are in \[-1, 1\]"):
        kind(small(*words), CPU).play([far], 0)
    for began in (1, 2, 5000):  # the first iteration of this process, as after a resume
        losses = kind(small(*words), CPU).play([far], began)
        assert all(value.isfinite() for value in losses.values())


def test_what_a_network_makes_is_measured_whatever_its_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    pairs(Path("photos"))
    pairs(Path("held"), 2)
    named = recipe_metrics.named_tensors
    monkeypatch.setattr(
        recipe_metrics, "named_tensors", lambda *given: {name: 9 * each for name, each in named(*given).items()}
    )
    metrics = ", ".join(f"{name}: {{metric: {name}, between: [fake_b, b]}}" for name in ("psnr", "ssim", "l1"))
    words = [*PAIRS, "data.val=held", f"metrics={{{metrics}}}", "train.validate_every=1"]
    done(*words, "--iterations", "1")
    done("train", "--run", "run", "--resume", "--iterations", "2")
    measured = [line["validation"] for line in log(Path(), "run") if "validation" in line]
    assert [set(each) for each in measured] == [{"psnr", "ssim", "l1"}] * 2


def test_a_term_that_can_not_be_computed_later_is_a_training_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    pairs(Path("photos"))
    play, at = FastStep.play, [0]

    def failing(self, batches, iteration):
        if [iteration] == at:
            raise InputError("losses.l1: x has values from 0 to 255")
        return play(self, batches, iteration)

    monkeypatch.setattr(FastStep, "play", failing)
    for iteration, code, words in ((0, 2, []), (1, 1, ["--resume"]), (2, 1, ["--resume", "train.checkpoint_every=1"])):
        at[0] = iteration
        said = refused(*PAIRS, "--iterations", "4", *words, code=code)
        assert said.startswith("losses.l1: x has values")
    assert torch.load("runs/run/checkpoint.pt", weights_only=True)["iteration"] == 2
