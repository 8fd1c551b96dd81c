"""Forms of pix2pixHD's checkpoints; tools/against_networks.py reads its own code's state dicts with the same reader."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import advloss
from advloss.core.errors import InputError
from advloss.interop import pix2pixhd
from advloss.interop.importing import import_model
from advloss.networks.generators.label_maps.pix2pixhd import Pix2PixHDGenerator
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.run.initial import start_from_initial

KINDS = {
    "global": {"width": 4, "downs": 3, "blocks": 2},
    "local": {"width": 8, "downs": 2, "blocks": 1, "enhancers": 2, "enhancer_blocks": 2},
}
CONVOLUTIONS = {  # their layers that have weights, in the order in which the network computes
    "global": "model.1 model.4 model.7 model.10 model.13.conv_block.1 model.13.conv_block.5 model.14.conv_block.1 "
    "model.14.conv_block.5 model.15 model.18 model.21 model.25",
    "local": "model.1 model.4 model.7 model.10.conv_block.1 model.10.conv_block.5 model.11 model.14 "
    "model1_1.1 model1_1.4 model1_2.0.conv_block.1 model1_2.0.conv_block.5 model1_2.1.conv_block.1 "
    "model1_2.1.conv_block.5 model1_2.2 model2_1.1 model2_1.4 model2_2.0.conv_block.1 model2_2.0.conv_block.5 "
    "model2_2.1.conv_block.1 model2_2.1.conv_block.5 model2_2.2 model2_2.6",
}


def network_of(kind: str, **options: object) -> Pix2PixHDGenerator:
    torch.manual_seed(0)
    network = Pix2PixHDGenerator(**KINDS[kind], **options).eval()  # type: ignore[arg-type]
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("var"):
            tensor.normal_(std=0.1)
    return network


def theirs(network: nn.Module, kind: str) -> dict[str, Tensor]:
    """The network's weights under the project's names."""
    layers = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]
    named = zip(CONVOLUTIONS[kind].split(), layers, strict=True)
    return {f"{name}.{leaf}": x for name, layer in named for leaf, x in layer.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_goes_to_its_place(kind: str) -> None:
    network = network_of(kind)
    state = {f"module.{key}": tensor for key, tensor in theirs(network, kind).items()}
    component, read_state = pix2pixhd.generator_from(state)
    wanted = {"enhancers": 0, **KINDS[kind], "in_channels": 3, "out_channels": 3, "norm": "instance"}
    assert component == {"name": "pix2pixhd", **wanted}
    own = network.state_dict()
    assert read_state.keys() == own.keys() and all(torch.equal(read_state[key], own[key]) for key in own)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_old_instance_norms_are_dropped(kind: str) -> None:
    state = theirs(network_of(kind), kind)
    fresh = pix2pixhd.generator_from(state)[1]
    stale = {"model.2.running_mean": torch.rand(4), "model.2.running_var": torch.rand(4)}
    assert pix2pixhd.generator_from(state | stale)[1].keys() == fresh.keys()
    with pytest.raises(InputError, match=r"unexpected: model\.3\.running_mean$"):
        pix2pixhd.generator_from(state | {"model.3.running_mean": torch.rand(4)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_before_batch_norm_moves_its_mean(kind: str) -> None:
    network = network_of(kind, norm="batch")
    state = theirs(network, kind)
    norms = [one for one in network.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    names = [name for name in CONVOLUTIONS[kind].split() if f"{name}.bias" not in state]  # all but the last
    for name, norm in zip(names, norms, strict=True):
        bias = torch.randn(norm.num_features)
        start, _, number = name.rpartition(".")
        state |= {f"{start}.{int(number) + 1}.{leaf}": x.clone() for leaf, x in norm.state_dict().items()}
        state[f"{start}.{int(number) + 1}.running_mean"] += bias
        state[f"{name}.bias"] = bias
    component, read_state = pix2pixhd.generator_from(state)
    assert component["norm"] == "batch"
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(read_state[key], tensor)


def test_what_is_wrong_is_named() -> None:
    state = theirs(network_of("local"), "local")
    short = {key: tensor for key, tensor in state.items() if key != "model1_2.2.bias"}
    for wrong, message in (
        (short, "missing: model1_2.2.bias"),
        (state | {"model2_1.4.weight": torch.zeros(1, 1, 3, 3)}, "model2_1.4.weight (is [1, 1, 3, 3], must be"),
        ({"model.0.weight": torch.zeros(4, 3, 4, 4)}, "expected a generator (model.1.weight) of pix2pixHD"),
        ({key: x for key, x in state.items() if not key.startswith("model2_2.6")}, "(model2_2.6.weight) of pix2pixHD"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            pix2pixhd.generator_from(wrong)


def test_import_and_the_second_stage(tmp_path: Path) -> None:
    """A global generator is imported, translates, and starts a network with an enhancer, whose last layer is new."""
    network = network_of("global")
    torch.save(theirs(network, "global"), tmp_path / "latest_net_G.pth")
    import_model("pix2pixhd", tmp_path / "latest_net_G.pth", tmp_path / "hd.safetensors")
    x = torch.rand(1, 3, 32, 16) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(advloss.load(tmp_path / "hd.safetensors").translate(x), network(x))
    source = read("pix2pixhd-small")
    for word in (
        "networks.generator={name: pix2pixhd, width: 4, downs: 3, blocks: 2, enhancers: 1, enhancer_blocks: 1}",
        f"initial={{generator: {tmp_path}/hd.safetensors, strict: false}}",
        "train.freeze=[generator.coarse]",
    ):
        source.override(word)
    built = build(resolve(source))
    (said,) = start_from_initial(built)
    assert "begin anew: 1 of another shape (generator.last.weight" in said
    second = built.method.get_submodule("generator")
    own = second.state_dict()
    assert all(torch.equal(own[key], x) for key, x in network.state_dict().items() if key != "last.weight")
    trained = {name.split(".")[0] for name, parameter in second.named_parameters() if parameter.requires_grad}
    assert trained == {"enhancers", "last"}
    many = network_of("global", in_channels=36)
    torch.save(theirs(many, "global"), tmp_path / "labels.pth")
    with pytest.raises(InputError, match="takes 36 and gives 3 channels"):
        import_model("pix2pixhd", tmp_path / "labels.pth", tmp_path / "labels.safetensors")
