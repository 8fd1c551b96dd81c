"""16-bit types: which, how near to float32, and what is computed again."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.inference.tiles import precision
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.precision import accurate, certainly_accurate, half_for, half_type, most_detailed, textures
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.generators.resnet import ResNetGenerator
from tests.inference.tiles.test_tiler import GOLDEN, photograph, published

__all__ = ["photograph"]  # the fixture
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_the_type_that_auto_takes(monkeypatch: pytest.MonkeyPatch):
    assert half_type("auto", CUDA) == torch.float16
    monkeypatch.setattr(precision, "native_bf16", lambda: False)
    assert half_type("auto", CPU) is None
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    assert half_type("auto", CPU) == torch.bfloat16
    assert half_type("fp32", CUDA) is None
    assert half_type("fp16", CPU) == torch.float16 and half_type("bf16", CPU) == torch.bfloat16


class Fragile(nn.Module):
    """Right in bf16 on smooth pictures, and wrong by some levels where neighbouring pixels differ: there it adds large
    values that are rounded, and takes them away again."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 3, 1, bias=False)
        with torch.no_grad():
            self.same.weight.copy_(torch.eye(3)[..., None, None])

    def forward(self, x: Tensor) -> Tensor:
        large = 10 * F.pad(x[..., 1:] - x[..., :-1], (0, 1))
        return x + self.same(large) - large


def smooth(side: int = 256) -> Tensor:
    """A ramp with weak noise, which is no judge: [1, 3, side, side]."""
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)) * 0.001
    return noise + torch.linspace(-0.8, 0.8, side)


def test_a_picture_s_own_details_decide(photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    plain, fragile = nn.Conv2d(3, 3, 3, padding=1), Fragile()
    for image, expected in ((smooth(), torch.bfloat16), (photograph, None)):
        assert half_for("auto", fragile, image) == expected
        assert half_for("auto", plain, image) == torch.bfloat16
        assert half_for("bf16", fragile, image) == torch.bfloat16 and half_for("fp32", plain, image) is None
    torch.manual_seed(0)
    assert half_for("auto", ResNetGenerator(width=8, blocks=9).eval(), photograph) is None  # instance norm of noise


def test_detail_in_one_corner_is_found_and_decides(monkeypatch: pytest.MonkeyPatch):
    """Wherever it is: the image is mostly flat."""
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    fragile = Fragile()
    assert half_for("auto", fragile, smooth()) == torch.bfloat16
    for top, left in ((0, 0), (0, 192), (128, 64), (192, 192)):
        image = smooth()
        image[..., top : top + 64, left : left + 64] = torch.rand(1, 3, 64, 64) * 2 - 1
        assert all(square.std() > 0.5 for square in most_detailed(image))
        assert half_for("auto", fragile, image) is None


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 32), (64, 64), (31, 264), (127, 64)])
def test_a_small_image_is_computed_in_float32(height: int, width: int, monkeypatch: pytest.MonkeyPatch):
    """It would be judged by as much as there is of it."""
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    assert half_for("auto", nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, height, width)) is None


def test_an_accurate_network_takes_16_bits_for_every_image(golden: Path, monkeypatch: pytest.MonkeyPatch):
    """A small one too: no image is looked at, and the network is measured once."""
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    monkeypatch.setattr(precision, "most_detailed", None)
    network = published(golden, "msrresnet_x4")
    tiler = Tiler(network)
    seen: list[int] = []
    network.register_forward_hook(lambda *_: seen.append(1))
    for side in (1, 16, 64, 200):
        assert tiler.half(torch.rand(1, 3, side, side), 8) == torch.bfloat16
    assert tiler.half(torch.rand(1, 3, 64, 64), 16) is None
    calls = len(seen)
    assert calls and tiler.half(torch.rand(1, 3, 64, 64), 8) == torch.bfloat16 and len(seen) == calls


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_networks_that_are_not_certain(channels: int):
    """Wrong on detail, on one texture alone, with norms that take statistics, with values that are not finite."""
    images = torch.cat(list(textures(channels)))
    assert images.shape == (6, channels, 16, 16) and images.abs().max() == 1
    assert torch.equal(images, torch.cat(list(textures(channels))))
    assert certainly_accurate(Slight(channels), torch.bfloat16, channels)
    assert not certainly_accurate(Slight(channels, norm=True), torch.bfloat16, channels)
    assert not certainly_accurate(Slight(channels, on_chequer=0.02), torch.bfloat16, channels)
    wrong = Slight(channels)
    nn.init.constant_(wrong.body[0].bias, torch.nan)
    assert not certainly_accurate(wrong, torch.bfloat16, channels)


class Slight(nn.Module):
    """A weak convolution added to the image. on_chequer: how wrong it is in 16 bits, on a chequer alone."""

    def __init__(self, channels: int, norm: bool = False, on_chequer: float = 0.0) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.body = nn.Sequential(conv, nn.InstanceNorm2d(channels) if norm else nn.Identity())
        self.on_chequer = on_chequer

    def forward(self, x: Tensor) -> Tensor:
        wrong = self.on_chequer if torch.is_autocast_enabled("cpu") else 0.0
        opposite = (x[..., 1:] - x[..., :-1]).abs().mean(1, keepdim=True) == 2
        return x + 0.01 * self.body(x).float() + wrong * F.pad(opposite.float(), (0, 1))


def test_what_was_computed_before_does_not_matter(photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "native_bf16", lambda: True)
    photograph = photograph[..., 100:228, 100:228]
    one = Tiler(Fragile())
    assert not certainly_accurate(Fragile(), torch.bfloat16, 3)
    first = one(photograph)
    assert torch.equal(first, Tiler(Fragile(), TileOptions(precision="fp32"))(photograph))
    one(smooth(128))
    assert torch.equal(one(photograph), first)


@pytest.mark.parametrize("name", GOLDEN)
def test_bf16_stays_within_50_db_of_float32(name: str, golden: Path, photograph: Tensor):
    network = published(golden, name)
    image = photograph[..., :64, :64]
    exact = Tiler(network, TileOptions(precision="fp32"))(image)
    made = Tiler(network, TileOptions(precision="bf16"))(image)
    assert made.dtype == torch.float32 and not torch.equal(made, exact)
    error = (made - exact).clamp(-2, 2).square().mean()
    assert 10 * torch.log10(4 / error) > 60
    assert accurate(network, torch.bfloat16, most_detailed(photograph))


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
    network, image = nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, 256, 256)
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
