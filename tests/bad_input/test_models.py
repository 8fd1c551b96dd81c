"""Model files and checkpoints that are damaged, foreign, unsafe, or for another task."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from advloss.recipe.model_file import save_model
from tests.bad_input.helpers import RUN, halved, trained
from tests.data.pictures import fill
from tests.inference.networks import nearest_model, srvgg_checkpoint
from tests.training.started import TINY_PAIRS, done, pairs, refused


def test_a_model_file_that_can_not_be_used():
    trained()
    model = RUN / "model.safetensors"
    fill(Path("in"), 1)

    def said(path: Path) -> str:
        return refused("translate", path, "in", "out")

    assert "none.safetensors: no such model file" in said(Path("none.safetensors"))
    assert "photos: is a folder, and a model file belongs in its place" in said(Path("photos"))
    shutil.copy(model, "cut.safetensors")
    halved(Path("cut.safetensors"))
    assert "cut.safetensors: not a whole .safetensors file" in said(Path("cut.safetensors"))
    assert "download cut short" in said(Path("cut.safetensors"))
    assert "in/000.png: is a picture, and a model file belongs in its place" in said(Path("in/000.png"))
    Path("empty.safetensors").touch()
    assert "empty.safetensors: not a whole .safetensors file" in said(Path("empty.safetensors"))
    save_file({"weight": torch.zeros(3)}, "other.safetensors")
    assert "other.safetensors: holds no recipe, so it is no model of advloss" in said(Path("other.safetensors"))
    for content in ("{", json.dumps({"recipe": {"method": "cyclegan"}}), json.dumps({}), "[]"):
        save_file({"weight": torch.zeros(3)}, "foreign.safetensors", metadata={"advloss": content})
        assert "foreign.safetensors: its recipe" in said(Path("foreign.safetensors"))
    assert not Path("out").exists()


def test_weights_that_do_not_fit_the_recipe_of_their_file():
    from advloss.recipe.model_file import read_model

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
        (
            ["cyclegan", "whole.pth", "m.safetensors"],
            ["whole.pth: 'epoch' is of type int, not a tensor", "the file holds epoch (int), weight"],
        ),
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
