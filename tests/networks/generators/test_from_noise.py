"""The generators that make images of vectors: their layers written out, their sizes, what they refuse."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.generators.dcgan import DCGAN
from advloss.networks.generators.mlp import MLPGenerator
from advloss.networks.generators.residual import ResidualGenerator

MAKERS: dict[str, Callable[..., nn.Module]] = {"dcgan": DCGAN, "residual": ResidualGenerator, "mlp": MLPGenerator}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_dcgan_is_the_paper_s_chain_of_transposed_convolutions() -> None:
    """Radford et al. 2016, fig. 1, for 32 pixels: 4 w channels at 4 x 4, 2 w at 8 x 8, w at 16 x 16, the image."""
    network = DCGAN(in_features=5, out_channels=2, size=32, width=3).double().train()
    widths = [5, 12, 6, 3, 2]
    layers: list[nn.Module] = []
    for n, (before, after) in enumerate(pairwise(widths)):
        last = n == len(widths) - 2
        layers.append(nn.ConvTranspose2d(before, after, 4, 1 if n == 0 else 2, 0 if n == 0 else 1, bias=last))
        layers += [nn.Tanh()] if last else [nn.BatchNorm2d(after), nn.ReLU()]
    written = nn.Sequential(*layers).double().train()
    values = [value for name, value in network.state_dict().items()]
    written.load_state_dict(dict(zip(written.state_dict(), values, strict=True)))
    z = torch.randn(4, 5, dtype=torch.float64)
    torch.testing.assert_close(network(z), written(z[:, :, None, None]), rtol=0, atol=1e-12)


def test_dcgan_begins_with_the_paper_s_weights() -> None:
    network = DCGAN(width=64)
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.ConvTranspose2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01) and abs(weights.mean().item()) < 1e-4


def test_a_residual_block_doubles_its_map_on_both_ways() -> None:
    network = ResidualGenerator(in_features=3, out_channels=1, size=8, width=4).double().eval()
    z = torch.randn(2, 3, dtype=torch.float64)
    block = network.body[0]
    assert len(network.body) == 1
    x = network.first(z).reshape(2, 4, 4, 4)
    up = F.interpolate(F.relu(block.norm1(x)), scale_factor=2)
    y = block.conv2(F.relu(block.norm2(block.conv1(up))))
    y = y + block.shortcut(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(network(z), torch.tanh(network.last(F.relu(network.norm(y)))), rtol=0, atol=1e-12)


def test_the_mlp_s_image_is_its_last_vector() -> None:
    network = MLPGenerator(in_features=3, out_channels=2, size=3, width=4, layers=1).double()
    z = torch.randn(2, 3, dtype=torch.float64)
    (hidden,) = network.body
    flat = torch.tanh(network.last(F.relu(hidden.dense(z))))
    torch.testing.assert_close(network(z), flat.reshape(2, 2, 3, 3), rtol=0, atol=0)


@pytest.mark.parametrize("name", MAKERS)
def test_images_of_the_size_asked_for_within_range(name: str) -> None:
    for size in (8, 16, 64):
        network = MAKERS[name](in_features=6, out_channels=1, size=size, width=2)
        made: Tensor = network(torch.randn(3, 6))
        assert made.shape == (3, 1, size, size) and made.abs().max() <= 1
        grown = torch.autograd.grad(made.sum(), network.last_layer)[0]
        assert grown.shape == network.last_layer.shape


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"it takes vectors \[B, 6\]"):
        MAKERS[name](in_features=6, size=8, width=2)(torch.randn(3, 5))
    with pytest.raises(InputError, match="width=0 must be at least 1"):
        MAKERS[name](width=0)


@pytest.mark.parametrize("name", ["dcgan", "residual"])
@pytest.mark.parametrize("size", [0, 4, 12, 63, 100])
def test_sizes_that_no_doubling_gives(name: str, size: int) -> None:
    with pytest.raises(InputError, match=f"{name} makes images of 8, 16, 32, ... pixels, not of {size}; set data.crop"):
        MAKERS[name](size=size)
