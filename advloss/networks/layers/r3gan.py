"""R3GAN's parts, which its generator and its discriminator share."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import BiasedLeakyReLU
from advloss.networks.layers.growing import FIRST
from advloss.networks.layers.parameters import check_at_least

GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Of a weight that a leaky ReLU of slope 0.2 follows: He et al. 2015, arXiv:1502.01852, eq. 15."""


class Bottleneck(nn.Module):
    """x + conv 1x1(act(grouped conv 3x3(act(conv 1x1(x))))): Huang et al. 2024, arXiv:2501.05441, section 4, without
    norms. x: [B, C, H, W]; gives the same shape.

    expansion: the inner maps have so many times the channels. group: inner channels a group of the 3 x 3.
    blocks: how many the whole network has. Weights begin as in Fix-up (Zhang et al. 2019, arXiv:1901.09321): the last
    convolution at 0, the others at He's size times blocks**(-1/4).
    """

    def __init__(self, channels: int, expansion: int, group: int, blocks: int) -> None:
        super().__init__()
        inner = channels * expansion
        if inner % group:
            raise InputError(f"a width of {channels} has {inner} inner channels, which groups of {group} do not divide")
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, groups=inner // group, bias=False)
        self.conv3 = nn.Conv2d(inner, channels, 1, bias=False)
        self.activation1 = BiasedLeakyReLU(inner)
        self.activation2 = BiasedLeakyReLU(inner)
        for layer, gain in ((self.conv1, GAIN), (self.conv2, GAIN), (self.conv3, 0.0)):
            he_normal(layer, gain * blocks ** (-1 / 4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation1(self.conv1(x))  # [B, inner, H, W]
        return x + self.conv3(self.activation2(self.conv2(y)))


def stage(width: int, blocks: int, expansion: int, group: int, stages: int) -> list[nn.Module]:
    """The blocks of one of a network's stages."""
    return [Bottleneck(width, expansion, group, blocks * stages) for _ in range(blocks)]


def to_width(before: int, after: int) -> nn.Module:
    """A convolution 1 x 1 to another number of channels; nothing where it is the same."""
    return he_normal(nn.Conv2d(before, after, 1, bias=False)) if before != after else nn.Identity()


@torch.no_grad()
def he_normal(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Conv2d | nn.Linear:
    """Draws the weight from N(0, gain^2 / fan in), in place, and gives the layer."""
    layer.weight.normal_(0.0, gain / math.sqrt(layer.weight[0].numel()))
    return layer


def check_stages(widths: Sequence[int], **values: int) -> int:
    """The side in pixels of the images that these stages are for. Raises InputError for a number below 1."""
    check_at_least(1, **values, **{f"widths[{number}]": width for number, width in enumerate(widths)})
    return FIRST * 2 ** (len(widths) - 1)
