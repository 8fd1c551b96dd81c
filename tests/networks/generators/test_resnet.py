from collections.abc import Callable

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.interop import junyanz
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.layers.basic import Dropout


@pytest.mark.parametrize(("name", "blocks"), [("cyclegan_resnet9", 9), ("cyclegan_resnet6", 6)])
def test_computes_what_the_reference_does(recorded: Callable, name: str, blocks: int) -> None:
    weights, x, y = recorded(name)
    component, state = junyanz.generator_from(weights)
    assert component == {
        "name": "resnet", "in_channels": 3, "out_channels": 3, "width": 8, "blocks": blocks, "norm": "instance",
        "dropout": 0.0,
    }  # fmt: skip
    del component["name"]
    network = ResNetGenerator(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(network(x), y, rtol=0, atol=1e-5)
        torch.testing.assert_close(network.train()(x), y, rtol=0, atol=1e-5)


def test_the_paper_s_size() -> None:
    with torch.device("meta"):
        network = ResNetGenerator()
    assert sum(p.numel() for p in network.parameters()) == 11_378_179  # as the reference prints: 11.378 M


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_any_number_of_blocks_keeps_the_size(blocks: int, upsample: str, norm: str) -> None:
    network = ResNetGenerator(1, 4, width=2, blocks=blocks, upsample=upsample, norm=norm, padding="zeros")  # type: ignore[arg-type]
    assert len(network.blocks) == blocks
    y = network(torch.randn(2, 1, 8, 12))
    assert y.shape == (2, 4, 8, 12) and y.abs().max() <= 1


def test_runs_on_the_meta_device_and_is_one_graph() -> None:
    with torch.device("meta"):
        network = ResNetGenerator(width=2, blocks=1)
        assert network(torch.empty(2, 3, 256, 128)).shape == (2, 3, 256, 128)
    network, x = ResNetGenerator(width=2, blocks=1), torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="eager")(x), network(x))


@pytest.mark.parametrize(("norm", "biased"), [("instance", True), ("none", True), ("batch", False)])
def test_biases_stand_where_no_batch_norm_does(norm: str, biased: bool) -> None:
    state = ResNetGenerator(width=2, blocks=1, norm=norm).state_dict()  # type: ignore[arg-type]
    convs = ["first.conv", "downs.0.conv", "blocks.0.conv1", "blocks.0.conv2", "ups.1.conv"]
    assert all((f"{conv}.bias" in state) == biased for conv in convs)
    assert "last.bias" in state


@pytest.mark.parametrize("size", [(10, 8), (8, 9), (4, 64), (64, 4)])
def test_wrong_sizes_are_named(size: tuple[int, int]) -> None:
    network = ResNetGenerator(width=2, blocks=1)
    with pytest.raises(InputError, match=rf"{size[0]}x{size[1]} pixels .* multiples of 4 and at least 8"):
        network(torch.randn(1, 3, *size))
    network(torch.randn(1, 3, network.smallest, network.smallest + network.multiple))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": -1}, "blocks=-1 must be at least 0"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"norm": "batchnorm"}, "unknown norm 'batchnorm'; did you mean 'batch'"),
        ({"padding": "mirror"}, "unknown padding 'mirror'"),
        ({"upsample": "nearest"}, "unknown upsample 'nearest'"),
        ({"dropout": 1.5}, r"dropout=1\.5"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ResNetGenerator(**wrong)


def test_dropout_at_inference_varies_in_eval_mode() -> None:
    x = torch.randn(1, 3, 8, 8)
    for at_inference in (False, True):
        network = ResNetGenerator(width=2, blocks=2, dropout=0.5, dropout_at_inference=at_inference).eval()
        assert sum(isinstance(module, Dropout) for module in network.modules()) == 2
        assert torch.equal(network(x), network(x)) != at_inference


def test_maps_of_layers_come_from_the_same_pass() -> None:
    network, x = (
        ResNetGenerator(width=2, blocks=2, upsample="antialiased", downsample="antialiased"),
        torch.rand(2, 3, 8, 12),
    )
    names = ["blocks.1", "pixels", "downs.0.conv", "downs.1.blur", "ups.1.activation"]
    y, maps = network(x, features=names)
    assert torch.equal(y, network(x))
    sides = [(8, 2, 3), (3, 14, 18), (4, 8, 12), (8, 2, 3), (2, 8, 12)]
    assert [tuple(each.shape[1:]) for each in maps] == sides
    assert torch.equal(maps[1], torch.nn.functional.pad(x, (3, 3, 3, 3), "reflect"))
    assert torch.equal(maps[2], network.downs[0].conv(network.first(x)))
    assert torch.equal(maps[0], network.blocks(network.downs(network.first(x))))
    assert set(names) <= set(network.layers) and len(network.layers) == 1 + 3 + 2 * 4 + 2 + 2 * 3


def test_the_pass_with_maps_is_one_graph() -> None:
    network, x = ResNetGenerator(width=2, blocks=1, downsample="antialiased"), torch.rand(1, 3, 8, 8)

    def maps(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return network(x, features=("pixels", "blocks.0"), decode=False)[1]

    for ours, theirs in zip(torch.compile(maps, fullgraph=True, backend="eager")(x), maps(x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_without_the_rest_the_pass_ends_at_the_last_layer() -> None:
    network, x = ResNetGenerator(width=2, blocks=3, padding="zeros"), torch.rand(1, 3, 8, 8)
    called: list[nn.Module] = []
    for block in network.blocks:
        block.register_forward_hook(lambda module, *_: called.append(module))
    end, maps = network(x, features=["pixels", "blocks.1"], decode=False)
    assert torch.equal(end, maps[1]) and called == [*network.blocks[:2]]
    assert torch.equal(maps[0], torch.nn.functional.pad(x, (3, 3, 3, 3)))


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown layer of the generator 'block.0'; did you mean 'blocks.0'"):
        ResNetGenerator(width=2, blocks=1)(torch.rand(1, 3, 8, 8), features=["block.0"])


@pytest.mark.parametrize("downsample", ["strided", "antialiased"])
def test_antialiased_layers_keep_sizes_and_weights(downsample: str) -> None:
    network = ResNetGenerator(width=2, blocks=1, downsample=downsample, upsample="antialiased", init="xavier")  # type: ignore[arg-type]
    assert network(torch.randn(1, 3, 8, 12)).shape == (1, 3, 8, 12)
    assert all("kernel" not in name for name in network.state_dict())
    assert network.downs[0].conv.weight.std() < 0.02 * (2 / (9 * 6)) ** 0.5 * 1.5
