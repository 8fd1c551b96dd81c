from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.interop import basicsr
from advloss.networks.generators.rrdbnet import RRDB, DenseBlock, RRDBNet


@pytest.mark.parametrize("scale", [2, 4])
def test_computes_what_the_reference_does(recorded: Callable, scale: int) -> None:
    weights, x, y = recorded(f"rrdbnet_x{scale}")
    component, state = basicsr.generator_from(weights)
    assert component == {
        "name": "rrdbnet", "in_channels": 3, "out_channels": 3, "scale": scale, "width": 16, "blocks": 2, "growth": 8,
        "unshuffle": True,
    }  # fmt: skip
    del component["name"]
    network = RRDBNet(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close((network(2 * x - 1) + 1) / 2, y, rtol=0, atol=1e-5)


def test_the_published_sizes() -> None:
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in RRDBNet(**kind).parameters()) for kind in ({}, {"blocks": 6}, {"scale": 2})]
    assert sizes == [16_697_987, 4_467_779, 16_697_987 + 9 * 9 * 64]  # x2: 12 channels at the first layer, not 3


@pytest.mark.parametrize(
    ("scale", "unshuffle", "multiple", "factors"),
    [
        (4, True, 1, (2, 2)),
        (2, True, 2, (2, 2)),
        (1, True, 4, (2, 2)),
        (3, True, 1, (3,)),
        (4, False, 1, (2, 2)),
        (3, False, 1, (3,)),
        (2, False, 1, (2,)),
        (1, False, 1, ()),
    ],
)
def test_how_each_scale_is_made(scale: int, unshuffle: bool, multiple: int, factors: tuple[int, ...]) -> None:
    network = RRDBNet(scale=scale, width=2, blocks=1, growth=1, unshuffle=unshuffle)  # type: ignore[arg-type]
    assert (network.multiple, network.smallest, network.factors) == (multiple, multiple, factors)
    assert network.first.in_channels == 3 * multiple**2
    assert network(torch.zeros(1, 3, 4, 8)).shape == (1, 3, 4 * scale, 8 * scale)


def test_a_size_that_cannot_be_unshuffled_is_named() -> None:
    network = RRDBNet(scale=1, width=2, blocks=1, growth=1)
    with pytest.raises(InputError, match=r"RRDBNet got an image of 8x6 pixels .* multiples of 4 and at least 4"):
        network(torch.zeros(1, 3, 8, 6))


@torch.no_grad()
def test_a_dense_block_by_hand() -> None:
    """One pixel, all middle weights 1 and biases 0: 1, 1, 2, 4, 8 and their sum 16, of which a fifth is added."""
    block = DenseBlock(1, 1, 0.2)
    for conv in (*block.grow, block.fuse):
        conv.weight.fill_(1)  # type: ignore[union-attr, operator]
        conv.bias.zero_()  # type: ignore[union-attr, operator]
    one = torch.ones(1, 1, 1, 1)
    torch.testing.assert_close(block(one), one + 0.2 * 16)
    torch.testing.assert_close(block(-one), -one + 0.2 * -(1 + 0.2 + 0.24 + 0.288 + 0.3456))  # slope 0.2
    whole = RRDB(1, 1, 0.2)
    for part in whole.dense:
        part.load_state_dict(block.state_dict())
    torch.testing.assert_close(whole(one), one + 0.2 * 4.2**3)


def test_only_the_blocks_begin_small() -> None:
    """A tenth of He's in the dense blocks, torch's own (1 / sqrt(3 fan_in)) elsewhere, as the reference."""
    network = RRDBNet(width=32, blocks=1, growth=16)
    for name, parameter in network.named_parameters():
        if parameter.dim() == 4:
            fan_in = parameter[0].numel()
            wanted = 0.1 * (2 / fan_in) ** 0.5 if name.startswith("blocks") else (3 * fan_in) ** -0.5
            assert 0.8 < parameter.std().item() / wanted < 1.2, name


def test_the_residual_scale() -> None:
    network = RRDBNet(width=2, blocks=1, growth=1, residual_scale=0.0)
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(network.blocks(x), x)


def test_x3_enlarges_by_nearest_neighbour_before_its_convolution() -> None:
    network, seen = RRDBNet(scale=3, width=2, blocks=1, growth=1), []
    network.first.register_forward_hook(lambda module, given, made: seen.append(made))
    network.trunk.register_forward_hook(lambda module, given, made: seen.append(made))
    network.ups[0].register_forward_hook(lambda module, given, made: seen.append(given[0]))
    network(torch.randn(1, 3, 2, 2))
    first, trunk, enlarged = seen
    torch.testing.assert_close(enlarged, F.interpolate(first + trunk, size=(6, 6), mode="nearest"))
