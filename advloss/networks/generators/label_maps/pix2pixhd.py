"""pix2pixHD's generator, from coarse to fine."""

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least, between, check_limits
from advloss.networks.generators.resnet import ResidualBlock
from advloss.networks.layers.basic import Conv, Dropout, chain, init_weights, norm_layer, upsampling_layer
from advloss.networks.layers.parameters import Norm, Positive, Statistics, Upsampling, check_size


class Pix2PixHDGenerator(nn.Module):
    """A global generator, and local enhancers around it: Wang et al. 2018, arXiv:1711.11585, sec. 3.2 and fig. 3.

    Images [B, in, H, W] -> [B, out, H, W] in [-1, 1]; height and width must be multiples of `multiple` (2 to the power
    of downs + enhancers) and at least `smallest` (twice that) pixels.

    The global generator is c7s1-64, d128, d256, d512, d1024, R1024 x 9, u512, u256, u128, u64, c7s1-3, tanh. With
    enhancers it computes at half the size for each of them, and ends at u64; an enhancer, c7s1-32, d64, R64 x 3, u32,
    adds its maps behind d64 to those of what is within it, and the outermost has c7s1-3. Images shrink by means over
    3x3 pixels at every second pixel, as in the authors' code. The paper trains in two stages, first without enhancers:
    `coarse` has the same tensors in both, `last` others.

    width: channels of the global generator's first layer (64 in the paper); each enhancer has half those of what is
    within it. downs: how often the global generator halves the size. blocks: its residual blocks. enhancers: how many
    (the paper has one, at 2048 x 1024). enhancer_blocks: the residual blocks of each.
    upsample: see `upsampling_layer`. statistics_at_inference: see `BatchNorm`.
    Raises InputError for a parameter out of range, for a width that can't be halved so often, and for an image of a
    wrong size.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        width: Positive = 64,
        downs: Annotated[int, between(1, 8)] = 4,
        blocks: Annotated[int, at_least(0)] = 9,
        enhancers: Annotated[int, between(0, 8)] = 0,
        enhancer_blocks: Annotated[int, at_least(0)] = 3,
        norm: Norm = "instance",
        upsample: Upsampling = "transposed",
        statistics_at_inference: Statistics = "running",
    ) -> None:
        super().__init__()
        check_limits(self, in_channels=in_channels, out_channels=out_channels, width=width, downs=downs)
        check_limits(self, blocks=blocks, enhancers=enhancers, enhancer_blocks=enhancer_blocks)
        if width % 2**enhancers:
            raise InputError(f"width={width} must be a multiple of {2**enhancers}: each enhancer halves the channels")
        self.multiple = 2 ** (downs + enhancers)
        self.smallest = 2 * self.multiple  # reflect padding and instance norm need 2x2 at the bottom
        layers = _Layers(norm, upsample, statistics_at_inference)
        widths = [width // 2**n for n in range(enhancers + 1)]
        self.coarse = layers.coarse(in_channels, width, downs, blocks)
        self.enhancers = nn.ModuleList(
            [layers.enhancer(in_channels, channels, enhancer_blocks) for channels in widths[1:]]
        )
        self.last = Conv(widths[-1], out_channels, 7, padding=3, padding_mode="reflect")
        init_weights(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        check_size("Pix2PixHDGenerator", x, self.smallest, self.multiple)
        images = [x]  # largest first
        for _ in self.enhancers:
            images.append(F.avg_pool2d(images[-1], 3, 2, 1, count_include_pad=False))  # [B, in, H/2^i, W/2^i]
        x = self.coarse(images.pop())  # [B, width, H/2^n, W/2^n]
        for enhancer in self.enhancers:
            x = enhancer(images.pop(), x)  # [B, width/2^i, H/2^(n-i), W/2^(n-i)]
        return torch.tanh(self.last(x))  # [B, out, H, W]


class Enhancer(nn.Module):
    """A local enhancer without its last convolution: arXiv:1711.11585, sec. 3.2, G2.

    image: [B, in, H, W]. inner: the maps of what is within it, [B, 2C, H/2, W/2]. Gives [B, C, H, W].
    """

    def __init__(self, front: nn.Sequential, back: nn.Sequential) -> None:
        super().__init__()
        self.front = front
        self.back = back

    def forward(self, image: Tensor, inner: Tensor) -> Tensor:
        return self.back(self.front(image) + inner)  # [B, C, H, W]


class _Layers:
    """Makes the parts of the generator."""

    def __init__(self, norm: Norm, upsample: Upsampling, statistics: Statistics) -> None:
        self.norm, self.upsample, self.statistics = norm, upsample, statistics
        self.bias = norm != "batch"  # batch norm has a shift of its own

    def coarse(self, in_channels: int, width: int, downs: int, blocks: int) -> nn.Sequential:
        """The global generator without its last convolution."""
        widths = [width * 2**n for n in range(downs + 1)]
        return chain(
            first=self._first(in_channels, width),
            downs=nn.Sequential(*map(self._down, widths[:-1])),
            blocks=self._blocks(widths[-1], blocks),
            ups=nn.Sequential(*map(self._up, reversed(widths[:-1]))),
        )

    def enhancer(self, in_channels: int, channels: int, blocks: int) -> Enhancer:
        """An enhancer that gives maps of these channels."""
        front = chain(first=self._first(in_channels, channels), down=self._down(channels))
        return Enhancer(front, chain(blocks=self._blocks(2 * channels, blocks), up=self._up(channels)))

    def _first(self, in_channels: int, channels: int) -> nn.Sequential:
        conv = Conv(in_channels, channels, 7, padding=3, padding_mode="reflect", bias=self.bias)
        return self._normed(conv, channels)

    def _down(self, channels: int) -> nn.Sequential:
        return self._normed(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=self.bias), 2 * channels)

    def _up(self, channels: int) -> nn.Sequential:
        return self._normed(upsampling_layer(self.upsample, 2 * channels, channels, 3, self.bias, "reflect"), channels)

    def _normed(self, conv: nn.Module, channels: int) -> nn.Sequential:
        return chain(conv=conv, norm=norm_layer(self.norm, channels, self.statistics), activation=nn.ReLU())

    def _blocks(self, channels: int, count: int) -> nn.Sequential:
        made = [ResidualBlock(channels, self.norm, "reflect", Dropout(0.0), self.statistics) for _ in range(count)]
        return nn.Sequential(*made)
