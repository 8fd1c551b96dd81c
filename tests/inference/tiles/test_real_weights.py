"""Tiles and 16 bits with Real-ESRGAN's published networks on photographs: what is promised at 8 bits."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from advloss.inference.tiles import precision
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.precision import GREY_LEVEL
from advloss.inference.tiles.tiler import Tiler
from advloss.interop.upscalers import foreign_network
from tests.inference.tiles.test_tiler import photograph, whole

__all__ = ["photograph"]  # the fixture
pytestmark = pytest.mark.slow
NETWORKS = ["RealESRGAN_x4plus", "RealESRGAN_x4plus_anime_6B", "realesr-animevideov3"]


def differences(made: Tensor, exact: Tensor) -> Tensor:
    """In grey levels."""
    return (made.clamp(-1, 1) - exact.clamp(-1, 1)).abs() / GREY_LEVEL


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_do_not_show(name: str, real_weights: Path, photograph: Tensor):
    """A cut in the middle, with the default overlap; and with 16 pixels it is seen that the test can fail."""
    network = foreign_network(real_weights / f"{name}.pth")
    image = photograph[..., 100:196, 60:444]  # two tiles
    exact = whole(network, image)
    said: list[str] = []
    found = differences(Tiler(network, TileOptions(tile=256, precision="fp32"), say=said.append)(image), exact)
    assert (found > 0.5).float().mean() < 1e-4 and found.max() < 1.5 and not said
    if "x4plus" in name:
        options = TileOptions(tile=224, overlap=16, precision="fp32")
        found = differences(Tiler(network, options, say=said.append)(image), exact)
        assert found.max() > 5 and "seams may show" in said[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_keeps_8_bits(name: str, real_weights: Path, photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    network = foreign_network(real_weights / f"{name}.pth")
    image = photograph[..., 100:228, 60:188]
    found = differences(Tiler(network)(image), whole(network, image))
    assert (found > 1).float().mean() <= 0.01
    assert 20 * torch.log10(255 / found.square().mean().sqrt().clamp(min=1e-9)) >= 50


@pytest.mark.parametrize("name", NETWORKS)
def test_no_trained_network_here_is_certain(name: str, real_weights: Path):
    assert not precision.certainly_accurate(foreign_network(real_weights / f"{name}.pth"), torch.bfloat16, 3)
