"""The model file: whole, equal for equal models, and enough by itself."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

import advloss
from advloss.core.errors import InputError
from advloss.methods.base import NetworkFactory
from advloss.methods.cyclegan import CycleGAN
from advloss.recipe import components
from advloss.recipe.build import build
from advloss.recipe.build_method import build_method
from advloss.recipe.model_file import read_model, save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.training.started import TINY


@pytest.fixture(scope="module")
def made():
    source = read("cyclegan-small")
    for override in TINY:
        source.override(override)
    return build(resolve(source))


def test_equal_models_are_equal_bytes_in_any_order(made, tmp_path: Path):
    state = made.method.state_dict()
    save_model(tmp_path / "one.safetensors", made.recipe, state, {"iteration": 3, "source": "x"})
    backwards = dict(reversed(state.items()))
    backwards["g_ab.last.weight"] = state["g_ab.last.weight"].to(memory_format=torch.channels_last)
    save_model(tmp_path / "two.safetensors", made.recipe, backwards, {"source": "x", "iteration": 3})
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.safetensors", "two.safetensors"]


def test_there_and_back(made, tmp_path: Path):
    path = tmp_path / "m.safetensors"
    save_model(path, made.recipe, made.method.state_dict(), {"iteration": 3})
    method, recipe, about = read_model(path)
    assert recipe == made.recipe and about["iteration"] == 3 and about["version"] == advloss.__version__
    assert not method.training
    for name, value in made.method.state_dict().items():
        assert torch.equal(method.state_dict()[name], value)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata.keys() == {"advloss"}
    assert json.loads(metadata["advloss"])["recipe"] == made.recipe.plain()


def test_the_order_of_steps_is_kept(tmp_path: Path):
    source = read("pix2pix-small")
    source.override("networks.generator.width=2")
    built = build(resolve(source))
    save_model(tmp_path / "m.safetensors", built.recipe, built.method.state_dict(), {})
    _, recipe, _ = read_model(tmp_path / "m.safetensors")
    assert [*recipe.train.steps] == ["discriminator", "generator"]


def test_a_float64_model_is_used_in_float32(made, tmp_path: Path):
    path = tmp_path / "m.safetensors"
    save_model(path, made.recipe, {name: value.double() for name, value in made.method.state_dict().items()}, {})
    assert {parameter.dtype for parameter in read_model(path)[0].parameters()} == {torch.float32}


def test_reading_draws_no_random_number(made, tmp_path: Path):
    path = tmp_path / "m.safetensors"
    save_model(path, made.recipe, made.method.state_dict(), {})
    before = torch.get_rng_state()
    read_model(path)
    assert torch.equal(torch.get_rng_state(), before)
    build_method(made.recipe)
    assert not torch.equal(torch.get_rng_state(), before)


def test_a_model_may_lack_a_direction(made, tmp_path: Path):
    state = {name: value for name, value in made.method.state_dict().items() if name.startswith("g_ab.")}
    save_model(tmp_path / "m.safetensors", made.recipe, state, {})
    model = advloss.load(tmp_path / "m.safetensors")
    assert model.directions == ["a2b"]
    with pytest.raises(InputError, match=r"unknown direction of this model 'b2a'.*known: a2b"):
        model.translate(torch.zeros(1, 3, 8, 8), "b2a")


def test_a_network_that_lacks_weights_is_named(made, tmp_path: Path):
    state = made.method.state_dict()
    del state["g_ba.last.bias"]
    save_model(tmp_path / "m.safetensors", made.recipe, state, {})
    with pytest.raises(InputError, match=r"(?s)m\.safetensors: its weights do not fit its recipe.*g_ba\.last\.bias"):
        advloss.load(tmp_path / "m.safetensors")


def test_a_file_that_is_no_model_file_is_named_for_what_it_is(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "m.safetensors"
    for name, old in (("new.pth", False), ("old.pth", True), (path.name, False)):
        torch.save({"weight": torch.zeros(3)}, tmp_path / name, _use_new_zipfile_serialization=not old)
        with pytest.raises(InputError, match=rf"{name}: a file of torch\.save, .*`advloss import` makes one of other"):
            advloss.load(tmp_path / name)
    save_model(path, made.recipe, made.method.state_dict(), {})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"m\.safetensors: not a whole \.safetensors file .*cut short"):
        advloss.load(path)
    path.write_bytes(whole)
    monkeypatch.setattr("os.access", lambda file, mode: False)
    with pytest.raises(InputError, match=r"m\.safetensors: can't be read \(Permission denied\)"):
        advloss.load(path)


def test_what_hangs_on_the_method_itself_is_kept(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Gained(CycleGAN):
        def __init__(self, generator: NetworkFactory) -> None:
            super().__init__(generator)
            self.before = nn.Upsample(scale_factor=1)  # a part without weights
            self.gain = nn.Parameter(torch.zeros(()))

    monkeypatch.setitem(components.METHODS, "cyclegan", Gained)
    method = build_method(made.recipe)
    with torch.no_grad():
        method.gain.fill_(5)
    save_model(tmp_path / "m.safetensors", made.recipe, method.state_dict(), {})
    loaded = read_model(tmp_path / "m.safetensors")[0]
    assert loaded.gain == 5 and isinstance(loaded.before, nn.Upsample)
