"""Forms of checkpoints that the golden files don't show; those they do are read in the networks' own tests."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.interop import junyanz
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.pixel import PixelDiscriminator
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.unet import UNetGenerator

State = dict[str, Tensor]
CLASSES = {"resnet": ResNetGenerator, "unet": UNetGenerator, "patchgan": PatchGAN, "pixel": PixelDiscriminator}


def build(component: dict, state: State) -> nn.Module:
    component = dict(component)
    network = CLASSES[component.pop("name")](**component)
    network.load_state_dict(state)
    return network


def with_batch_norm(state: State) -> State:
    """The six-block ResNet checkpoint with batch norm: no biases but the last, and a norm behind each convolution."""
    made = {key: value for key, value in state.items() if key.endswith("weight") or key == "model.23.bias"}
    for key, bias in state.items():
        layer, _, index = key.removesuffix(".bias").rpartition(".")
        if key.endswith("bias") and key != "model.23.bias":
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                made[f"{layer}.{int(index) + 1}.{leaf}"] = torch.rand_like(bias)
    return made


def with_dropout(state: State) -> State:
    """The ResNet checkpoint as it would be with a dropout layer in its blocks: what follows it moves by one."""
    return {key.replace("conv_block.5", "conv_block.6"): value for key, value in state.items()}


def test_the_prefix_of_data_parallel(recorded: Callable) -> None:
    for name in ("cyclegan_resnet6", "pix2pix_unet256", "patchgan_batch", "pixel_discriminator"):
        weights, _, _ = recorded(name)
        read = junyanz.generator_from if name.startswith(("cycle", "pix2")) else junyanz.discriminator_from
        component, state = read(weights)
        again, from_prefixed = read({f"module.{key}": value for key, value in weights.items()})
        assert again == component and from_prefixed.keys() == state.keys()
        assert all(from_prefixed[key] is state[key] for key in state)


def test_statistics_of_old_instance_norms_are_dropped(recorded: Callable) -> None:
    for name, norms in (
        ("cyclegan_resnet6", ["model.2", "model.5", "model.10.conv_block.2", "model.15.conv_block.6", "model.20"]),
        ("patchgan_instance", ["model.3", "model.6", "model.9"]),
    ):
        weights, x, y = recorded(name)
        stale = {f"{norm}.{leaf}": torch.rand(8) for norm in norms for leaf in ("running_mean", "running_var")}
        stale |= {f"{norm}.num_batches_tracked": torch.tensor(1) for norm in norms}
        read = junyanz.generator_from if name.startswith("cycle") else junyanz.discriminator_from
        network = build(*read(weights | stale))
        with torch.no_grad():
            torch.testing.assert_close(network(x), y, rtol=0, atol=1e-5)


def test_statistics_that_stand_nowhere_a_norm_does_are_unexpected(recorded: Callable) -> None:
    weights, _, _ = recorded("cyclegan_resnet6")
    with pytest.raises(InputError, match=r"unexpected: model\.3\.running_mean$"):
        junyanz.generator_from(weights | {"model.3.running_mean": torch.zeros(8)})


def test_a_resnet_with_dropout(recorded: Callable) -> None:
    weights, x, y = recorded("cyclegan_resnet6")
    component, state = junyanz.resnet_from(with_dropout(weights))
    assert component["dropout"] == 0.5 and component["blocks"] == 6 and component["norm"] == "instance"
    with torch.no_grad():
        torch.testing.assert_close(build(component, state).eval()(x), y, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dropout", [False, True])
def test_a_resnet_with_batch_norm_that_lacks_the_counters(recorded: Callable, dropout: bool) -> None:
    weights, x, _ = recorded("cyclegan_resnet6")
    weights = with_batch_norm(with_dropout(weights) if dropout else weights)
    component, state = junyanz.generator_from(weights)
    assert component["norm"] == "batch" and component["dropout"] == (0.5 if dropout else 0.0)
    second = "model.12.conv_block.7.running_var" if dropout else "model.12.conv_block.6.running_var"
    assert state["blocks.2.norm2.running_var"] is weights[second]
    assert state["blocks.2.norm1.bias"] is weights["model.12.conv_block.2.bias"]
    assert state["ups.1.norm.running_mean"] is weights["model.20.running_mean"]
    assert state["first.norm.num_batches_tracked"] == 0
    assert build(component, state).eval()(x).shape == x.shape


@pytest.mark.parametrize("levels", [2, 3, 5, 7])
def test_a_unet_of_any_levels_with_instance_norm(levels: int) -> None:
    network = UNetGenerator(2, 1, levels=levels, width=2, norm="instance")
    ours, theirs, path = network.state_dict(), {}, "model.model"  # from the outside in
    for level in range(levels):
        conv = 0 if level == 0 else 1
        up = 3 if level in (0, levels - 1) else 5
        for leaf in ("weight", "bias"):
            theirs[f"{path}.{conv}.{leaf}"] = ours[f"downs.{level}.conv.{leaf}"]
            theirs[f"{path}.{up}.{leaf}"] = ours[f"ups.{levels - 1 - level}.conv.{leaf}"]
        path += ".1.model" if level == 0 else ".3.model"
    component, state = junyanz.generator_from(theirs)
    assert component == {
        "name": "unet", "in_channels": 2, "out_channels": 1, "levels": levels, "width": 2, "norm": "instance"
    }  # fmt: skip
    assert state.keys() == ours.keys() and all(state[key] is ours[key] for key in ours)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_patchgan_of_any_layers(layers: int) -> None:
    network = PatchGAN(4, width=2, layers=layers, norm="instance")
    theirs = {}
    for i, conv in enumerate([*(layer.conv for layer in network.body), network.last]):
        index = 0 if i == 0 else 3 * i - 1
        theirs |= {f"model.{index}.weight": conv.weight, f"model.{index}.bias": conv.bias}
    component, state = junyanz.discriminator_from(theirs)
    assert component == {"name": "patchgan", "in_channels": 4, "width": 2, "layers": layers, "norm": "instance"}
    ours = network.state_dict()
    assert state.keys() == ours.keys() and all(torch.equal(state[key], ours[key]) for key in ours)


def test_what_is_missing_unexpected_or_misshapen_is_named(recorded: Callable) -> None:
    weights, _, _ = recorded("pix2pix_unet256")
    weights["model.model.9.weight"] = torch.zeros(1)
    gone = "model.model.1.model.3.model.2.running_var"
    del weights[gone]
    weights["model.model.1.model.6.bias"] = torch.zeros(5)
    message = (
        f"missing: {gone}; unexpected: model.model.9.weight; "
        "of another shape: model.model.1.model.6.bias (is [5], must be [8])"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        junyanz.generator_from(weights)


def test_a_file_of_another_kind_is_an_error(recorded: Callable) -> None:
    generator, _, _ = recorded("cyclegan_resnet6")
    discriminator, _, _ = recorded("patchgan_batch")
    with pytest.raises(InputError, match=r"a ResNet .* or a U-Net .* the file holds model\.0\.bias, model"):
        junyanz.generator_from(discriminator)
    with pytest.raises(InputError, match=r"a PatchGAN .* or a pixel discriminator"):
        junyanz.discriminator_from(generator)
    with pytest.raises(InputError, match="expected a U-Net"):
        junyanz.unet_from(generator)
    with pytest.raises(InputError, match="the file holds nothing"):
        junyanz.generator_from({})
    with pytest.raises(InputError, match="'epoch' is of type int, not a tensor"):
        junyanz.generator_from({"epoch": 3})  # type: ignore[dict-item]


def antialiased(down: bool, up: bool, dropout: bool, blocks: int = 2) -> tuple[State, ResNetGenerator]:
    """A ResNet of contrastive-unpaired-translation, and ours with its weights: the layers in the order of its code."""
    ours = ResNetGenerator(
        3,
        1,
        width=2,
        blocks=blocks,
        dropout=0.5 if dropout else 0.0,
        downsample="antialiased" if down else "strided",
        upsample="antialiased" if up else "transposed",
    ).eval()
    row = {3: torch.tensor([1.0, 2, 1]) / 4, 4: torch.tensor([1.0, 3, 3, 1]) / 4}
    layers: list[nn.Module | int | None] = [None, ours.first.conv, None, None]
    for stage in ours.downs:
        layers += [stage.conv, None, None, *([3] if down else [])]
    layers += [*ours.blocks]
    for stage in ours.ups:
        layers += [4, stage.conv.conv, None, None] if up else [stage.conv, None, None]
    layers += [None, ours.last]
    state: State = {}
    channels = iter([4, 8] * down + [8, 4] * up)
    for number, layer in enumerate(layers):
        if isinstance(layer, int):
            state[f"model.{number}.filt"] = torch.outer(row[layer], row[layer]).repeat(next(channels), 1, 1, 1)
        elif layer in [*ours.blocks]:
            for ours_, theirs in (("conv1", 1), ("conv2", 6 if dropout else 5)):
                for leaf, value in getattr(layer, ours_).state_dict().items():
                    state[f"model.{number}.conv_block.{theirs}.{leaf}"] = value
        elif layer is not None:
            state |= {f"model.{number}.{leaf}": value for leaf, value in layer.state_dict().items()}
    return state, ours


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("down", "up"), [(True, True), (True, False), (False, True), (False, False)])
def test_resnets_that_are_antialiased_in_either_direction(down: bool, up: bool, dropout: bool) -> None:
    state, ours = antialiased(down, up, dropout)
    component, read = junyanz.generator_from(state)
    assert component.get("downsample", "strided") == ("antialiased" if down else "strided")
    assert component.get("upsample", "transposed") == ("antialiased" if up else "transposed")
    assert component["dropout"] == (0.5 if dropout else 0) and component["blocks"] == 2
    x = torch.rand(1, 3, 16, 12)
    assert torch.equal(build(component, read).eval()(x), ours(x))


@pytest.mark.parametrize("layers", [1, 3])
def test_antialiased_patchgans(layers: int) -> None:
    ours = PatchGAN(width=2, layers=layers, norm="instance", downsample="antialiased")
    row = torch.tensor([1.0, 2, 1]) / 4
    state: State = {}
    for number, stage in enumerate(ours.body):
        at = 4 * number - 1 if number else 0
        state |= {f"model.{at}.{leaf}": value for leaf, value in stage.conv.state_dict().items()}
        if number < layers:
            state[f"model.{4 * number + 2}.filt"] = torch.outer(row, row).repeat(stage.conv.out_channels, 1, 1, 1)
    state |= {f"model.{4 * layers + 2}.{leaf}": value for leaf, value in ours.last.state_dict().items()}
    component, read = junyanz.discriminator_from(state)
    assert (component["layers"], component["downsample"], component["norm"]) == (layers, "antialiased", "instance")
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(build(component, read)(x), ours(x))
    with pytest.raises(InputError, match=r"model\.2\.filt is not there or no filter"):
        junyanz.discriminator_from(state | {"model.2.filt": state["model.2.filt"] * 2})
