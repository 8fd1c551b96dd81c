"""Tiles and degradations on a device: what the CPU gives, and half precision that is mended where it overflows."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.data.degradations import DEGRADATIONS
from advloss.data.transforms import random
from advloss.inference.tiling import Tiler
from advloss.losses.metrics import psnr
from advloss.networks.msrresnet import MSRResNet
from advloss.networks.resnet import ResNetGenerator
from tests.cuda.waiting import no_waiting


def image(height: int = 70, width: int = 90) -> Tensor:
    y, x = torch.linspace(0, 6, height)[:, None], torch.linspace(0, 9, width)
    return torch.stack([torch.sin(y + x), torch.cos(2 * x - y), torch.sin(x) * torch.cos(y)])[None]


@pytest.mark.parametrize(
    "network", [MSRResNet(width=8, blocks=2), ResNetGenerator(width=4, blocks=1)], ids=["sr", "norm"]
)
def test_tiles_give_the_whole_image(device: torch.device, network: nn.Module) -> None:
    network = network.to(device).eval()
    whole = Tiler(network, tile=0, precision="fp32")(image())
    tiles = Tiler(network, tile=64, overlap="exact", precision="fp32")(image())
    assert whole.device.type == device.type and (whole - tiles).abs().max() < 1e-4
    cpu = Tiler(network.to("cpu"), tile=0, precision="fp32")(image())
    assert (whole.cpu() - cpu).abs().max() < 1e-3


def test_half_precision_is_near_and_large_values_are_mended(device: torch.device) -> None:
    network = MSRResNet(width=8, blocks=2).to(device).eval()
    exact = Tiler(network, precision="fp32")(image())
    half = Tiler(network, precision="fp16")(image())
    assert float(psnr(half.clamp(-1, 1), exact.clamp(-1, 1))) > 50

    class Overflowing(nn.Module):
        """Passes 10^6 on the way, more than fp16 holds."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1, bias=False)
            nn.init.eye_(self.conv.weight[:, :, 0, 0])

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(1e6 * self.conv(x)) / 1e6

    said: list[str] = []
    mended = Tiler(Overflowing().to(device), precision="fp16", say=said.append)(image())
    torch.testing.assert_close(mended.cpu(), image(), rtol=1e-4, atol=1e-4)
    assert any("not finite in fp16" in sentence for sentence in said)


@pytest.mark.parametrize("name", ["bicubic", "second_order"])
def test_degradations_do_not_wait(device: torch.device, name: str) -> None:
    degradation = DEGRADATIONS[name](scale=4)
    large = image(64, 64).repeat(2, 1, 1, 1).to(device)
    rngs = [[random(7, 0, 0, position) for position in range(2)] for _ in range(3)]
    first = degradation(large, rngs[0])  # tables are copied to the device at their first use
    with no_waiting(device):
        again = degradation(large, rngs[1])
    assert again.device.type == device.type and torch.equal(first, again)
    cpu = degradation(large.cpu(), rngs[2])
    if name == "bicubic":  # the noise of the other is the device's own
        assert np.mean(np.abs((cpu - first.cpu()).numpy()) > 1e-6) < 1e-3
