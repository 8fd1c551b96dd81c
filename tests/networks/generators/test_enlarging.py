"""What all four super-resolution networks have in common."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "srresnet": lambda **given: SRResNet(**{"width": 4, "blocks": 2} | given),
    "msrresnet": lambda **given: MSRResNet(**{"width": 4, "blocks": 2} | given),
    "rrdbnet": lambda **given: RRDBNet(**{"width": 4, "blocks": 1, "growth": 2} | given),
    "srvgg": lambda **given: SRVGG(**{"width": 4, "convolutions": 2} | given),
}


@pytest.fixture(params=NETWORKS)
def make(request: pytest.FixtureRequest) -> Callable[..., nn.Module]:
    return NETWORKS[request.param]


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_scale_takes_odd_sizes_and_one_pixel(make: Callable, scale: int) -> None:
    network = make(scale=scale).eval()
    assert network.scale == scale and network.smallest == network.multiple
    for height, width in ((1, 1), (5, 7), (1, 3)):
        height, width = height * network.multiple, width * network.multiple
        y = network(torch.rand(2, 3, height, width) * 2 - 1)
        assert y.shape == (2, 3, scale * height, scale * width)


def test_grey_images(make: Callable) -> None:
    assert make(in_channels=1, out_channels=1, scale=2)(torch.zeros(2, 1, 6, 4)).shape == (2, 1, 12, 8)


def test_the_last_layer_makes_the_image(make: Callable) -> None:
    network, x = make(scale=2), torch.randn(1, 3, 4, 4)
    assert any(network.last_layer is parameter for parameter in network.parameters())
    before = network.eval()(x)
    with torch.no_grad():
        network.last_layer.add_(1)
    assert not torch.equal(network(x), before)
    network(x).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_one_image_s_result_does_not_depend_on_the_batch_it_is_in(make: Callable) -> None:
    network, x = make(scale=2).eval(), torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(network(x)[1:], network(x[1:]))


def test_autocast_keeps_the_image_itself_in_float32(make: Callable) -> None:
    network, x = make(scale=2).eval(), torch.rand(1, 3, 8, 8) * 2 - 1
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        y = network(x)
    if not isinstance(network, SRResNet):  # which only has what its last convolution makes
        assert y.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(y.float(), network(x), rtol=0, atol=0.05)


def test_runs_on_the_meta_device_and_is_one_graph(make: Callable) -> None:
    with torch.device("meta"):
        assert make(scale=3)(torch.empty(2, 3, 16, 8)).shape == (2, 3, 48, 24)
    network, x = make(scale=2), torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="eager")(x), network(x))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scale": 5}, "unknown scale '5'"),
        ({"scale": 0}, "unknown scale '0'"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"in_channels": 0}, "in_channels=0 must be at least 1"),
    ],
)
def test_wrong_parameters_are_named(make: Callable, wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**wrong)


@pytest.mark.parametrize("name", ["msrresnet", "srvgg"])
def test_what_adds_its_input_needs_as_many_channels_there(name: str) -> None:
    with pytest.raises(
        InputError, match=r"adds the enlarged input .* in_channels=3 and out_channels=1 must be the same"
    ):
        NETWORKS[name](in_channels=3, out_channels=1)


@pytest.mark.parametrize("name", ["srresnet", "rrdbnet"])
def test_the_others_take_any_numbers_of_channels(name: str) -> None:
    assert NETWORKS[name](in_channels=4, out_channels=1, scale=2)(torch.zeros(1, 4, 2, 2)).shape == (1, 1, 4, 4)
