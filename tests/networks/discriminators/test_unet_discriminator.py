import pytest
import torch
from torch import nn

from advloss.networks.discriminators.unet import UNetDiscriminator


@pytest.mark.parametrize("size", [(8, 8), (9, 15), (16, 24), (31, 10)])
def test_one_logit_a_pixel_at_any_size(size: tuple[int, int]) -> None:
    assert UNetDiscriminator(1, width=2)(torch.randn(1, 1, *size)).shape == (1, 1, *size)


def test_the_paper_s_size_and_its_spectral_norm() -> None:
    with torch.device("meta"):
        network = UNetDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 4_376_897  # the published discriminator's: 4.377 M
    normed = [hasattr(layer, "parametrizations") for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert normed == [False, *[True] * 8, False]
    assert not any("parametrizations" in key for key in UNetDiscriminator(width=1, spectral_norm=False).state_dict())


def test_skips_carry_the_finest_level() -> None:
    """With the deepest layers silent, what is left are the sums with the skips."""
    network, x = UNetDiscriminator(width=2, spectral_norm=False), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        for layer in (*network.downs, *network.ups):
            layer.conv.weight.zero_()
        want = network.last(network.ends(network.first(x)))
    torch.testing.assert_close(network(x), want)
