"""How far networks see."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.inference.tiles.receptive_field import norm_calls, reach, sight
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG
from advloss.networks.generators.unet import UNetGenerator


def chain_of(*kernels: int, **options) -> nn.Module:
    return nn.Sequential(*[nn.Conv2d(3, 3, kernel, padding=kernel // 2, **options) for kernel in kernels])


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        # half of each kernel, added up
        (chain_of(1), 0),
        (chain_of(3, 5, 7), 1 + 2 + 3),
        (chain_of(7, 7, padding_mode="reflect"), 6),
        (nn.Conv2d(3, 3, 3, padding=4, dilation=4), 4),
        (nn.Conv2d(3, 3, (9, 3), padding=(4, 1)), 4),
        (SRVGG(width=4, convolutions=5), 7),
        # two convolutions a block, one before and one after; at x2 and x4 a pixel seen is a half and a quarter
        (MSRResNet(width=4, blocks=3), 1 + 6 + 1 + 1),
        (nn.Sequential(chain_of(3), nn.InstanceNorm2d(3), chain_of(3)), 2),
        # 7x7; 3x3 and blur, at 1 and 2 pixels a step; a block at 4; blur and 3x3, at 4 and 2, and at 2 and 1; 7x7
        (
            ResNetGenerator(width=2, blocks=1, norm="none", downsample="antialiased", upsample="antialiased"),
            3 + (1 + 1) + (2 + 2) + 2 * 4 + (4 + 2) + (2 + 1) + 3,
        ),
        # one step of the innermost layer to either side, spread by the layers above it
        (UNetGenerator(width=2, levels=4), 2 * 16 - 1),
    ],
)
def test_kernels_strides_and_dilations(network: nn.Module, expected: int):
    assert reach(network.eval()) == expected


def test_an_image_beyond_the_reach_does_not_matter_and_one_within_does():
    """Checked by changing pixels: `reach` away from a tile's border nothing differs, and 1 nearer something does."""
    torch.manual_seed(0)
    for network in (
        SRResNet(width=4, blocks=2),
        RRDBNet(width=4, growth=4, blocks=1, scale=2),
        RRDBNet(width=4, growth=4, blocks=1, scale=4),
        ResNetGenerator(width=2, blocks=1, norm="none"),
        UNetGenerator(width=2, levels=3, norm="none"),
    ):
        network.eval().double()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.5 / max(1, parameter[0].numel()) ** 0.5)
        found = reach(network.float())
        network.double()
        multiple, scale = getattr(network, "multiple", 1), getattr(network, "scale", 1)
        border = (found // multiple + 2) * multiple
        image = torch.rand(1, 3, 32, 2 * border + 32, dtype=torch.float64)
        changed = image.clone()
        changed[..., border : border + multiple] += 0.5
        with torch.no_grad():
            differs = (network(image) != network(changed))[0].any(0).any(0).nonzero()[:, 0]
        first, last = differs[0].item(), differs[-1].item() + 1
        farthest = max(border * scale - first, last - (border + multiple) * scale)
        assert -(-farthest // scale) <= found
        assert found - (-(-farthest // scale)) <= multiple  # the farthest influence may be lost in rounding


def test_the_published_depth_of_esrgan_is_measured():
    assert reach(RRDBNet(width=2, growth=1)) == 349  # 23 blocks of 15, and 4 more to some part


class Windows(nn.Module):
    """Each pixel becomes the mean of its window of some width; windows start at the image's left edge."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[-1]
        whole = F.pad(x, (0, -width % self.side))
        return F.avg_pool2d(whole, (1, self.side)).repeat_interleave(self.side, -1)[..., :width]


class Placed(nn.Module):
    """Adds to each pixel what depends on its column alone, the same again after so many columns."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(x.shape[-1]) % self.side


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (SRVGG(width=4, convolutions=5), (7, 1)),
        (RRDBNet(width=4, growth=2, blocks=1, scale=2), None),
        (UNetGenerator(width=2, levels=4), (31, 16)),
        (UNetGenerator(width=2, levels=6), (127, 64)),
        (Windows(8), (0, 8)),
        # a pixel next to a window spoils it through the kernel; the window's far end is as far as is seen
        (nn.Sequential(chain_of(3), Windows(8)), (8, 8)),
        (nn.Sequential(Windows(4), Windows(6)), (0, 12)),
        (Windows(7), (None, 1)),
        (Placed(6), (0, 6)),
        (Placed(1000), (None, 1)),
        (nn.Sequential(chain_of(3), nn.Dropout(0.5).train()), (1, 1)),
    ],
)
def test_the_grid_that_a_network_computes_on(network: nn.Module, expected: tuple[int | None, int] | None):
    noisy = any(isinstance(layer, nn.Dropout) for layer in network.modules())
    found = sight(network if noisy else network.eval(), noisy)
    assert found == (expected or (reach(network), 2))


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True)


def test_who_looks_at_the_whole_image():
    assert reach(Mean()) is None


def test_networks_that_do_not_say_their_smallest_size_are_tried():
    class Needs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if min(x.shape[-2:]) < 20:
                raise RuntimeError("too small")
            return x

    assert reach(Needs()) == 0

    class Refuses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        reach(Refuses())


@pytest.mark.parametrize(
    ("network", "calls"),
    [
        (ResNetGenerator(width=2, blocks=2), 1 + 2 + 4 + 2),
        (ResNetGenerator(width=2, blocks=2, norm="batch"), 0),
        (UNetGenerator(width=2, levels=4, statistics_at_inference="batch"), 2 + 3),
        (UNetGenerator(width=2, levels=4, statistics_at_inference="running"), 0),
        (nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.GroupNorm(1, 3)), 1),
        (nn.BatchNorm2d(3, track_running_stats=False), 1),
    ],
)
def test_norms_with_statistics_of_the_image_are_counted(network: nn.Module, calls: int):
    assert norm_calls(network.eval()) == calls
