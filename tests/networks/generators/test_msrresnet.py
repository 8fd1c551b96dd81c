from collections.abc import Callable

import torch
import torch.nn.functional as F

from advloss.interop import basicsr
from advloss.networks.generators.msrresnet import MSRResNet


def test_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("msrresnet_x4")
    component, state = basicsr.generator_from(weights)
    assert component == {
        "name": "msrresnet", "in_channels": 3, "out_channels": 3, "scale": 4, "width": 16, "blocks": 4
    }  # fmt: skip
    del component["name"]
    network = MSRResNet(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close((network(2 * x - 1) + 1) / 2, y, rtol=0, atol=1e-5)


def test_the_reference_s_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in MSRResNet().parameters()) == 1_517_571


def test_begins_near_the_bilinear_enlargement() -> None:
    x = torch.rand(1, 3, 12, 10) * 2 - 1
    for scale in (1, 2, 3, 4):
        bilinear = F.interpolate(x, scale_factor=scale, mode="bilinear")
        torch.testing.assert_close(MSRResNet(scale=scale, width=8)(x), bilinear, rtol=0, atol=0.05)  # type: ignore[arg-type]


def test_every_weight_begins_at_a_tenth_of_he_s() -> None:
    network = MSRResNet(width=64, blocks=2)
    for name, parameter in network.named_parameters():
        if parameter.dim() == 4:
            he = (2 / parameter[0].numel()) ** 0.5
            assert 0.85 < parameter.std().item() / (0.1 * he) < 1.15, name
        else:
            assert not parameter.any(), name
