"""16-bit types: which, how near to float32, and what is computed again."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advloss.inference.tiles import precision
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.precision import accurate, half_type
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.generators.resnet import ResNetGenerator
from tests.inference.tiles.test_tiler import GOLDEN, photograph, published

__all__ = ["photograph"]  # the fixture
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_the_type_that_auto_takes(monkeypatch: pytest.MonkeyPatch):
    network = nn.Conv2d(3, 3, 3, padding=1)
    assert half_type("auto", network, CUDA) == torch.float16
    monkeypatch.setattr(precision, "native_bf16", lambda: False)
    assert half_type("auto", network, CPU) is None
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    assert half_type("auto", network, CPU) == torch.bfloat16
    torch.manual_seed(0)
    assert half_type("auto", ResNetGenerator(width=8, blocks=9).eval(), CPU) is None  # not accurate
    assert half_type("fp32", network, CUDA) is None
    assert half_type("fp16", network, CPU) == torch.float16 and half_type("bf16", network, CPU) == torch.bfloat16


@pytest.mark.parametrize("name", GOLDEN)
def test_bf16_stays_within_50_db_of_float32(name: str, golden: Path, photograph: Tensor):
    network = published(golden, name)
    image = photograph[..., :64, :64]
    exact = Tiler(network, TileOptions(precision="fp32"))(image)
    made = Tiler(network, TileOptions(precision="bf16"))(image)
    assert made.dtype == torch.float32 and not torch.equal(made, exact)
    error = (made - exact).clamp(-2, 2).square().mean()
    assert 10 * torch.log10(4 / error) > 60
    assert accurate(network, torch.bfloat16)


def test_an_enlarged_input_that_is_added_stays_float32(golden: Path, photograph: Tensor):
    network = published(golden, "msrresnet_x4")
    with torch.no_grad():
        network.last_layer.zero_()
        network.last.bias.zero_()
    image = photograph[..., :32, :32]
    assert torch.equal(
        Tiler(network, TileOptions(precision="bf16"))(image), Tiler(network, TileOptions(precision="fp32"))(image)
    )


def test_a_picture_of_16_bits_stays_float32(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    network, image = nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, 20, 20)
    tiler = Tiler(network)
    torch.testing.assert_close(tiler(image, depth=16), network(image).detach(), rtol=0, atol=1e-6)
    assert not torch.allclose(tiler(image, depth=8), network(image).detach(), rtol=0, atol=1e-5)


class Overflows(nn.Module):
    """Too large for float16 where the image is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.constant_(self.conv.weight, 1e5)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.relu()) / 3e5


def test_a_tile_that_is_not_finite_is_computed_again():
    image = torch.full((1, 3, 40, 90), -1.0)
    image[..., 60:] = 0.75
    said: list[str] = []
    made = Tiler(Overflows(), TileOptions(tile=32, overlap=0, precision="fp16"), say=said.append)(image)
    torch.testing.assert_close(made, image.relu())
    assert said == ["not finite in fp16: such tiles are computed again in float32"]


def test_statistics_that_are_not_finite_are_computed_again():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1)).eval()
    nn.init.constant_(network[0].weight, 2e4)
    nn.init.constant_(network[0].bias, 2e4)
    image = torch.rand(1, 3, 40, 90)
    with torch.no_grad():
        expected = network(image)
    made = Tiler(network, TileOptions(tile=32, overlap=0, precision="fp16"))(image)
    assert made.isfinite().all()
    torch.testing.assert_close(made, expected, rtol=0, atol=5e-3)
