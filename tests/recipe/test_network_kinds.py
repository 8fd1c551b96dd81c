"""The keys under `networks`: every parameter of a method that is a `NetworkFactory`, whatever its name."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.methods.base import NetworkFactory
from advloss.methods.pix2pix import Pix2Pix
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.recipe import components
from advloss.recipe.build import build
from advloss.recipe.model_file import read_model, save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import Source, read

SMALL = [
    "networks.generator={name: resnet, blocks: 1, width: 2}",
    "losses.adversarial.discriminator={name: patchgan, width: 2, layers: 1}",
    "data.load=32",
    "data.crop=32",
]
REFINER = "networks.refiner={name: resnet, blocks: 0, width: 2}"


class Refined(Pix2Pix):
    """pix2pix with a second network, which goes on from the first one's image."""

    def __init__(self, generator: NetworkFactory, refiner: NetworkFactory) -> None:
        super().__init__(generator)
        self.refiner = refiner()

    def forward(self, batch, wanted):
        made = super().forward(batch, wanted)
        return {name: self.refiner(x) if name == "fake_b" else x for name, x in made.items()}


class Criticised(Pix2Pix):
    """pix2pix with a network of a kind that the package does not have."""

    def __init__(self, generator: NetworkFactory, critic: NetworkFactory) -> None:
        super().__init__(generator)
        self.critic = critic()


class Tiny(nn.Conv2d):
    """[B, 3, H, W] -> [B, width, H, W]."""

    def __init__(self, width: int = 3) -> None:
        super().__init__(3, width, 1)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)


@pytest.fixture(autouse=True)
def methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both methods under their names, as a user's script adds them."""
    monkeypatch.setitem(components.METHODS, "refined", Refined)
    monkeypatch.setitem(components.METHODS, "criticised", Criticised)


def recipe(method: str, *overrides: str) -> Source:
    source = read("pix2pix-small")
    for override in (f"method={method}", *SMALL, *overrides):
        source.override(override)
    return source


def refused(method: str, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(recipe(method, *overrides))
    return str(caught.value)


def test_a_network_of_any_name_is_a_generator_unless_it_has_a_table() -> None:
    resolved = resolve(recipe("refined", REFINER))
    assert resolved.plain()["networks"]["refiner"]["norm"] == "instance"  # completed with its own defaults
    built = build(resolved)
    assert isinstance(built.method.refiner, ResNetGenerator) and len(built.method.refiner.blocks) == 0
    assert built.shapes["fake_b"][1:] == (3, 32, 32)
    trained = {id(parameter) for parameter in built.method.parameters()}
    assert {id(parameter) for parameter in built.method.refiner.parameters()} <= trained


def test_it_travels_in_the_model_file(tmp_path: Path) -> None:
    built = build(resolve(recipe("refined", REFINER)))
    save_model(tmp_path / "m.safetensors", built.recipe, built.method.state_dict(), {})
    method, read_back, _ = read_model(tmp_path / "m.safetensors")
    assert read_back.plain()["networks"] == built.recipe.plain()["networks"]
    for name, value in built.method.state_dict().items():
        assert torch.equal(method.state_dict()[name], value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "networks: refined needs 'refiner': networks.refiner={name: "),
        (["networks.refiner={name: resnt}"], "'resnt'; did you mean 'resnet'?"),
        (
            ["networks.refiner={name: resnet, block: 1}"],
            "networks.refiner.block: unknown parameter of 'resnet'",
        ),
        ([REFINER, "networks.refnier={name: resnet}"], "unknown network of refined 'refnier'; did you mean 'refiner'?"),
    ],
)
def test_mistakes_in_such_a_network_are_named(overrides: list[str], message: str) -> None:
    assert message in refused("refined", *overrides)


def test_a_user_adds_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(components.NETWORKS, "critic", {"tiny": Tiny})
    built = build(resolve(recipe("criticised", "networks.critic={name: tiny, width: 5}")))
    assert isinstance(built.method.critic, Tiny) and built.method.critic.out_channels == 5
    said = refused("criticised", "networks.critic={name: resnet}")
    assert "networks.critic.name" in said and "'resnet'" in said and "(known: tiny)" in said


def test_each_shipped_kind_keeps_its_table() -> None:
    assert "(known: dcgan, mlp, vqgan)" in refused_tokenizer("networks.encoder={name: resnet}")
    assert "fsq" in refused_tokenizer("networks.bottleneck={name: resnet}").partition("(known: ")[2]


def refused_tokenizer(override: str) -> str:
    source = read("vqgan-small")
    source.override(override)
    with pytest.raises(InputError) as caught:
        resolve(source)
    return str(caught.value)
