from collections.abc import Callable

import pytest
import torch

from advloss.core.errors import InputError
from advloss.interop import junyanz
from advloss.networks.discriminators.pixel import PixelDiscriminator


def test_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("pixel_discriminator")
    component, state = junyanz.discriminator_from(weights)
    assert component == {"name": "pixel", "in_channels": 3, "width": 8, "norm": "batch"}
    del component["name"]
    network = PixelDiscriminator(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(network(x), y, rtol=0, atol=1e-5)


def test_a_logit_sees_its_own_pixel_only() -> None:
    network, x = PixelDiscriminator(width=2, norm="none"), torch.randn(1, 3, 5, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 2, 3], x)
    assert gradient.abs().sum(1).nonzero().tolist() == [[0, 2, 3]]


@pytest.mark.parametrize(("norm", "biased"), [("instance", True), ("none", True), ("batch", False)])
def test_the_second_and_the_last_bias_stand_where_no_batch_norm_does(norm: str, biased: bool) -> None:
    state = PixelDiscriminator(width=2, norm=norm).state_dict()  # type: ignore[arg-type]
    assert "body.0.conv.bias" in state
    assert ("body.1.conv.bias" in state) == ("last.bias" in state) == biased


def test_runs_on_the_meta_device_and_is_one_graph() -> None:
    with torch.device("meta"):
        assert PixelDiscriminator(6)(torch.empty(2, 6, 33, 1)).shape == (2, 1, 33, 1)
    network, x = PixelDiscriminator(width=2, norm="instance"), torch.randn(1, 3, 4, 4)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="eager")(x), network(x))


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="width=0 must be at least 1"):
        PixelDiscriminator(width=0)
