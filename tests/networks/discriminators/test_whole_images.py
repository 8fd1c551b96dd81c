"""The discriminators of whole small images: their layers written out, features, what they refuse."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.dcgan import DCGANDiscriminator
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.networks.discriminators.residual import ResidualDiscriminator


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_dcgan_is_the_paper_s_chain_of_convolutions() -> None:
    network = DCGANDiscriminator(in_channels=2, width=3, layers=3).double().train()
    widths = [2, 3, 6, 12]
    layers: list[nn.Module] = []
    for n, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=n == 0))
        layers += [*([nn.BatchNorm2d(after)] if n else []), nn.LeakyReLU(0.2)]
    written = nn.Sequential(*layers, nn.Conv2d(12, 1, 4)).double().train()
    written.load_state_dict(dict(zip(written.state_dict(), network.state_dict().values(), strict=True)))
    x = torch.randn(4, 2, 32, 32, dtype=torch.float64)
    logits, maps = network(x, features=True)
    torch.testing.assert_close(logits, written(x), rtol=0, atol=1e-12)
    assert logits.shape == (4, 1, 1, 1) and [each.shape[1] for each in maps] == [3, 6, 12]


def test_a_larger_image_has_a_logit_for_each_patch() -> None:
    assert DCGANDiscriminator(width=2, layers=2)(torch.randn(1, 3, 24, 32)).shape == (1, 1, 3, 5)


def test_residual_blocks_written_out() -> None:
    network = ResidualDiscriminator(in_channels=2, width=3, layers=2, plain=1).double()
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    first, second, plain = network.body
    y = F.avg_pool2d(first.shortcut(x) + first.conv2(F.relu(first.conv1(x))), 2)
    y = F.avg_pool2d(second.shortcut(y) + second.conv2(F.relu(second.conv1(F.relu(y)))), 2)
    y = y + plain.conv2(F.relu(plain.conv1(F.relu(y))))
    expected = network.last.dense(F.relu(y).mean((2, 3)))
    logits, maps = network(x, features=True)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(maps[-1], y, rtol=0, atol=1e-12)
    assert logits.shape == (2, 1)


def test_maxout_is_the_largest_of_the_pieces() -> None:
    network = MLPDiscriminator(in_features=4, width=3, layers=1, pieces=2).double()
    x = torch.randn(5, 1, 2, 2, dtype=torch.float64)
    (layer,) = network.body
    pieces = layer.dense(x.reshape(5, 4)).reshape(5, 3, 2)
    torch.testing.assert_close(network(x), network.last(pieces.max(2).values), rtol=0, atol=0)


@pytest.mark.parametrize("network", [DCGANDiscriminator, ResidualDiscriminator])
def test_what_is_refused(network: type[nn.Module]) -> None:
    with pytest.raises(InputError, match="width=0 must be at least 1"):
        network(width=0)
    with pytest.raises(InputError, match="it was built for in_channels=3"):
        network(width=2, layers=1)(torch.randn(1, 1, 32, 32))
    with pytest.raises(InputError, match="each side must be at least"):
        network(width=2, layers=3)(torch.randn(1, 3, 7, 32))
    assert not any("spectral" in name for name, _ in network(width=2).named_modules())
    normed = network(width=2, spectral_norm=True)
    assert sum(name.endswith("_u") for name, _ in normed.named_buffers()) == sum(
        isinstance(m, nn.Conv2d | nn.Linear) for m in normed.modules()
    )
