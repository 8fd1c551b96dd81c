"""Runs that exist, resumes that do not fit, and training that is no longer finite."""

from pathlib import Path

import pytest
import torch

from tests.bad_input.helpers import RUN, SMALL, contents, halved, trained
from tests.training.started import done, refused, two_sides


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
    two_sides(Path("others"), 5)
    said = refused(*SMALL, "others", "--run", "run", "--resume", "--iterations", "4")
    assert "data.train.a: 4 then, 5 now" in said and "add --change" in said
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
    assert "runs/run/checkpoint.pt: is damaged" in refused("train", "--run", "run", "--resume")
    trained("--run", "other")
    Path("runs/other/recipe.yaml").write_text("method: [")
    assert "other/recipe.yaml:1: not valid YAML" in refused("train", "--run", "other", "--resume")
    trained("--run", "other", "--resume")
    done("train", "--run", "other", "--resume")


def test_a_resume_at_the_end_changes_nothing():
    trained()
    model = (RUN / "model.safetensors").read_bytes()
    trained("--resume")
    assert (RUN / "model.safetensors").read_bytes() == model


def test_a_loss_that_is_not_finite_stops_with_the_terms_name():
    said = refused(*SMALL, "photos", "--run", "run", "--iterations", "9", "optimizer.lr=1e30", code=1)
    assert "losses.adversarial_b: its loss is nan in iteration 2" in said
    assert "There is no checkpoint yet. A lower rate or train.clip often helps: advloss train" in said
    done(*said.split(": ")[-1].split()[1:-1], "optimizer.lr=1e-4", "--iterations", "2")


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch):
    from advloss.training.fast.step import FastStep

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
    assert "The last good checkpoint is runs/run/checkpoint.pt, after iteration 2." in said
    assert said.strip().endswith("advloss train --run run --resume --change optimizer.lr=0.0002")
    assert (RUN / "checkpoint.pt").read_bytes() == before
    trained("--resume", iterations=4)


def test_weights_that_are_not_finite_do_not_replace_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch):
    from advloss.training.fast.step import FastStep

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
