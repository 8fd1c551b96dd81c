"""R3GAN's networks: how they begin, their sizes, what they refuse. Their outputs: test_against_networks.py."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.r3gan import R3GANDiscriminator
from advloss.networks.generators.r3gan import R3GANGenerator
from advloss.networks.layers.r3gan import Bottleneck
from advloss.networks.layers.resampling import BlurredDoubling


def test_doubling_is_bilinear_away_from_the_border() -> None:
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    made = BlurredDoubling().double()(x)
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert made.shape == (2, 3, 12, 12)
    torch.testing.assert_close(made[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])


def test_a_block_begins_as_nothing_and_its_weights_shrink_with_their_number() -> None:
    torch.manual_seed(0)
    block = Bottleneck(64, 2, 16, blocks=16)
    x = torch.randn(2, 64, 4, 4)
    assert torch.equal(block(x), x)
    assert block.conv2.groups == 8 and block.conv2.weight.shape == (128, 16, 3, 3)
    expected = (2 / 1.04) ** 0.5 / 2  # He's for a leaky ReLU of 0.2, times 16 ** (-1 / 4)
    for layer in (block.conv1, block.conv2):
        assert layer.weight.std().item() * layer.weight[0].numel() ** 0.5 == pytest.approx(expected, rel=0.02)


def test_the_size_of_the_networks_of_the_paper() -> None:
    """Of CIFAR-10 without classes, with 768 channels in four stages of two blocks: a block has 2 * 768 * 1536 +
    1536 * 16 * 9 weights and 2 * 1536 shifts."""
    with torch.device("meta"):
        networks = R3GANGenerator(), R3GANDiscriminator()
    blocks = 8 * (2 * 768 * 1536 + 1536 * 16 * 9 + 2 * 1536)
    ours = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    assert ours == [blocks + 768 * 16 + 64 * 768 + 768 * 3, blocks + 3 * 768 + 768 * 16 + 768]


def test_images_logits_and_maps() -> None:
    generator = R3GANGenerator(5, 1, 16, (32, 16, 8), blocks=1)
    discriminator = R3GANDiscriminator(1, (32, 16, 8), blocks=1)
    images = generator(torch.randn(3, 5))
    logits, maps = discriminator(images, features=True)
    assert images.shape == (3, 1, 16, 16) and logits.shape == (3, 1)
    assert [tuple(each.shape[1:]) for each in maps] == [(8, 16, 16), (16, 8, 8), (32, 4, 4)]
    assert isinstance(generator.last, nn.Conv2d) and generator.last_layer is generator.last.weight


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="r3gan: its widths are for images of 8 x 8 pixels, and these are of 32"):
        R3GANGenerator(widths=(16, 16))
    with pytest.raises(InputError, match="are for images of 8 x 8 pixels, and these are of 12"):
        R3GANDiscriminator(widths=(16, 16))(torch.zeros(1, 3, 8, 12))
    with pytest.raises(InputError, match="24 inner channels, which groups of 16 do not divide"):
        R3GANDiscriminator(widths=(16, 12))
    with pytest.raises(InputError, match=r"it takes vectors \[B, 64\]"):
        R3GANGenerator(size=8, widths=(16, 16))(torch.zeros(1, 5))
