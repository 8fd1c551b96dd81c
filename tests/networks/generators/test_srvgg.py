from collections.abc import Callable

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.interop import basicsr
from advloss.networks.generators.srvgg import SRVGG


def test_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("srvgg_x4")
    component, state = basicsr.generator_from(weights)
    assert component == {
        "name": "srvgg", "in_channels": 3, "out_channels": 3, "scale": 4, "width": 16, "convolutions": 4,
        "activation": "prelu",
    }  # fmt: skip
    del component["name"]
    network = SRVGG(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close((network(2 * x - 1) + 1) / 2, y, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("convolutions", "size"), [(16, 621_424), (32, 1_213_296)])
def test_the_published_sizes(convolutions: int, size: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in SRVGG(convolutions=convolutions).parameters()) == size


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@torch.no_grad()
def test_adds_to_the_repeated_pixels(scale: int) -> None:
    network, x = SRVGG(scale=scale, width=2, convolutions=1), torch.randn(1, 3, 2, 3)  # type: ignore[arg-type]
    network.last.weight.zero_()
    network.last.bias.fill_(0.25)  # type: ignore[union-attr]
    repeated = x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    torch.testing.assert_close(network(x), repeated + 0.5)  # a quarter of [0, 1] is half of a unit in [-1, 1]


@pytest.mark.parametrize(
    ("activation", "wanted"), [("prelu", [-0.25, 2.0]), ("relu", [0.0, 2.0]), ("leaky_relu", [-0.1, 2.0])]
)
def test_activations(activation: str, wanted: list[float]) -> None:
    network = SRVGG(width=1, convolutions=1, activation=activation)  # type: ignore[arg-type]
    layers = [layer.activation for layer in network.body]  # type: ignore[union-attr]
    assert len(layers) == 2 and layers[0] is not layers[1]
    torch.testing.assert_close(layers[0](torch.tensor([[-1.0], [2.0]])).flatten(), torch.tensor(wanted))  # type: ignore[operator]


def test_a_slope_for_each_channel() -> None:
    assert [layer.weight.numel() for layer in SRVGG(width=5).modules() if isinstance(layer, nn.PReLU)] == [5] * 17


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="unknown activation 'leakyrelu'; did you mean 'leaky_relu'"):
        SRVGG(activation="leakyrelu")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="convolutions=0 must be at least 1"):
        SRVGG(convolutions=0)
