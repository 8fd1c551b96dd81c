"""Tiles and degradations on a device: what the CPU gives, and half precision that is mended where it overflows."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.data.degradations import DEGRADATIONS
from advloss.data.random_streams import random
from advloss.inference.tiles import cuda_graphs as repeating
from advloss.inference.tiles import engine
from advloss.inference.tiles.options import Overlap, TileOptions
from advloss.inference.tiles.tiler import Tiler
from advloss.losses.metrics import psnr
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.resnet import ResNetGenerator
from tests.cuda.waiting import no_waiting


def image(height: int = 70, width: int = 90) -> Tensor:
    y, x = torch.linspace(0, 6, height)[:, None], torch.linspace(0, 9, width)
    return torch.stack([torch.sin(y + x), torch.cos(2 * x - y), torch.sin(x) * torch.cos(y)])[None]


@pytest.mark.parametrize(
    "network", [MSRResNet(width=8, blocks=2), ResNetGenerator(width=4, blocks=1)], ids=["sr", "norm"]
)
def test_tiles_give_the_whole_image(device: torch.device, network: nn.Module) -> None:
    network = network.to(device).eval()
    whole = Tiler(network, TileOptions(tile=0, precision="fp32"))(image())
    tiles = Tiler(network, TileOptions(tile=64, overlap="exact", precision="fp32"))(image())
    assert whole.device.type == device.type and (whole - tiles).abs().max() < 1e-4
    cpu = Tiler(network.to("cpu"), TileOptions(tile=0, precision="fp32"))(image())
    assert (whole.cpu() - cpu).abs().max() < 1e-3


def test_half_precision_is_near_and_large_values_are_mended(device: torch.device) -> None:
    network = MSRResNet(width=8, blocks=2).to(device).eval()
    exact = Tiler(network, TileOptions(precision="fp32"))(image())
    half = Tiler(network, TileOptions(precision="fp16"))(image())
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
    mended = Tiler(Overflowing().to(device), TileOptions(precision="fp16"), say=said.append)(image())
    torch.testing.assert_close(mended.cpu(), image(), rtol=1e-4, atol=1e-4)
    assert any("not finite in fp16" in sentence for sentence in said)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("ensemble", [False, True])
def test_recorded_batches_of_tiles_give_what_single_tiles_give(
    device: torch.device, precision: str, ensemble: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = MSRResNet(width=8, blocks=2).to(device).eval()
    options = {"tile": 40, "overlap": 6, "precision": precision, "ensemble": ensemble}
    fast = Tiler(network, TileOptions(**options))
    together = fast.together(40, 40, precision == "fp16")
    pictures = [image(120, 150), image(120, 150).flip(-1), image(90, 150)]
    made = [fast(picture) for picture in pictures * 2]
    assert bool(fast.recordings._kept) == (together > 1) == (device.type == "cuda")
    monkeypatch.setattr(repeating, "DEVICES", ())
    monkeypatch.setattr(engine, "BATCHED", ())
    plain = Tiler(network, TileOptions(**options))
    for one, picture in zip(made, pictures * 2, strict=True):
        assert (one - plain(picture)).abs().max() < (1e-4 if precision == "fp32" else 2e-2)


@pytest.mark.parametrize(
    "network", [MSRResNet(width=8, blocks=2), ResNetGenerator(width=4, blocks=1)], ids=["sr", "norm"]
)
def test_whole_pictures_of_one_size_are_recorded(device: torch.device, network: nn.Module) -> None:
    network = network.to(device).eval()
    fast = Tiler(network, TileOptions(precision="fp32"))
    pictures = [image(64, 64).roll(number, -1) for number in range(5)]
    made = [fast(picture) for picture in pictures]
    assert len(fast.recordings._kept) == (device.type == "cuda")
    with torch.inference_mode():
        for one, picture in zip(made, pictures, strict=True):
            assert (one - network(picture.to(device))).abs().max() < 1e-4
    before = next(network.parameters()).detach().clone()
    with torch.no_grad():
        next(network.parameters()).mul_(0.5)  # where they are: a recording sees it
        assert (fast(pictures[0]) - network(pictures[0].to(device))).abs().max() < 1e-4
    next(network.parameters()).data = before  # elsewhere: it is made anew
    with torch.inference_mode():
        assert (fast(pictures[0]) - network(pictures[0].to(device))).abs().max() < 1e-4


def test_what_waits_for_the_device_is_not_recorded_and_goes_on(device: torch.device) -> None:
    class Waits(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if float(x.sum()) < 1e9 else x

    with pytest.MonkeyPatch.context() as context:
        context.setattr(repeating, "MAKERS", ("tests", "torch"))
        network = Waits(3, 3, 3, padding=1).to(device).eval()
        tiler = Tiler(network, TileOptions(precision="fp32"))
        for number in range(5):
            picture = image(64, 64).roll(number, -1)
            with torch.inference_mode():
                assert (tiler(picture) - network(picture.to(device))).abs().max() < 1e-4
        assert tiler.is_plain and not tiler.recordings._kept
        other = Tiler(
            MSRResNet(width=8, blocks=2).to(device), TileOptions(precision="fp32")
        )  # the device is none the worse
        for _ in range(4):
            other(image(64, 64))
        assert len(other.recordings._kept) == (device.type == "cuda")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_half_precision_waits_once_a_row_and_exact_tiles_in_float32_never(device: torch.device, precision: str) -> None:
    overlap: Overlap = 4 if precision == "fp16" else "exact"  # other tiles are compared, once a row
    tiler = Tiler(MSRResNet(width=8, blocks=2).to(device), TileOptions(tile=32, overlap=overlap, precision=precision))
    picture = image(90, 240).to(device)
    for _ in range(4):  # what is measured and recorded once is
        expected = tiler(picture)
    rows = len(tiler._grid(90, 240, 32, overlap).rows)
    if device.type == "cpu":
        with no_waiting(device):
            made = tiler(picture)
    else:
        torch.cuda.synchronize(device)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as waits:
                warnings.simplefilter("always")
                made = tiler(picture)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert len(waits) <= (rows if precision == "fp16" else 0), [str(wait.message) for wait in waits]
    assert rows >= 4 and torch.equal(made, expected)


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
