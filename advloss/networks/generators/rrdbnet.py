"""ESRGAN's generator."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.generators.enlarging import STAGES, enlarged, init_small
from advloss.networks.layers.parameters import Positive, Scale, check_at_least, check_choice, check_size
from advloss.networks.layers.unit_range import from_unit, to_unit


class RRDBNet(nn.Module):
    """Residual blocks of dense blocks: Wang et al. 2018, arXiv:1809.00219, sec. 3.1 and fig. 4.

    Images [B, in, H, W] in [-1, 1] -> [B, out, scale H, scale W], unbounded; height and width must be multiples of
    `multiple` (the factor by which the input is unshuffled, else 1). Inside, images are in [0, 1], as published weights
    need it. Each enlargement is nearest neighbour, followed by a convolution.

    scale: output pixels for one input pixel along an axis. 4 is the paper's, by two enlargements of 2. For 2 and 1 the
        input's pixels are first unshuffled into channels, by 2 and by 4, and the same network works at that smaller
        size, as in Real-ESRGAN (arXiv:2107.10833, sec. 3.3). 3 is one enlargement of 3, as in ESRGAN's first code;
        there are no published weights for it.
    unshuffle: False: scale 2 is one enlargement of 2, and scale 1 has none, as in BSRGAN (arXiv:2103.14006). It does
        not matter for 3 and 4.
    width: channels of the features (64 in the paper). blocks: residual blocks of three dense blocks (23 in the paper).
    growth: channels that each convolution of a dense block adds (32 in the paper).
    residual_scale: what a block adds to its input is multiplied by it (0.2 in the paper).
    Raises InputError for a parameter out of range and for an image of a wrong size.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        scale: Scale = 4,
        width: Positive = 64,
        blocks: Positive = 23,
        growth: Positive = 32,
        residual_scale: float = 0.2,
        unshuffle: bool = True,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width, blocks=blocks, growth=growth)
        check_choice("scale", scale, Scale)
        self.scale = int(scale)
        self.multiple = self.smallest = {1: 4, 2: 2}.get(scale, 1) if unshuffle else 1
        self.factors = STAGES[scale * self.multiple]
        self.first = _conv(in_channels * self.multiple**2, width)
        self.blocks = nn.Sequential(*[RRDB(width, growth, residual_scale) for _ in range(blocks)])
        self.trunk = _conv(width, width)
        self.ups = nn.ModuleList([_conv(width, width) for _ in self.factors])
        self.hr = _conv(width, width)
        self.last = _conv(width, out_channels)
        init_small(self.blocks)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        check_size("RRDBNet", x, self.smallest, self.multiple)
        dtype = x.dtype
        x = to_unit(x)
        if self.multiple > 1:
            x = F.pixel_unshuffle(x, self.multiple)  # [B, m^2 in, H/m, W/m]
        x = self.first(x)  # [B, width, H/m, W/m]
        x = x + self.trunk(self.blocks(x))  # [B, width, H/m, W/m]
        for factor, up in zip(self.factors, self.ups, strict=True):
            x = F.leaky_relu(up(enlarged(x, factor, "nearest")), 0.2)  # at the end [B, width, scale H, scale W]
        x = F.leaky_relu(self.hr(x), 0.2)  # [B, width, scale H, scale W]
        return from_unit(self.last(x), dtype)  # [B, out, scale H, scale W]


class RRDB(nn.Module):
    """x + scale * dense(dense(dense(x))): the residual-in-residual dense block of arXiv:1809.00219, fig. 4.

    x: [B, C, H, W]. Returns the same shape.
    """

    def __init__(self, channels: int, growth: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.dense = nn.Sequential(*[DenseBlock(channels, growth, residual_scale) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.dense(x), alpha=self.residual_scale)  # [B, C, H, W]


class DenseBlock(nn.Module):
    """Five 3x3 convolutions; each takes x and the outputs of all before it: arXiv:1809.00219, fig. 4.

    x: [B, C, H, W]. Returns x + scale * the fifth convolution's output, of the same shape.
    """

    def __init__(self, channels: int, growth: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.grow = nn.ModuleList([_conv(channels + i * growth, growth) for i in range(4)])
        self.fuse = _conv(channels + 4 * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        maps = x
        for conv in self.grow:
            maps = torch.cat([maps, F.leaky_relu(conv(maps), 0.2)], dim=1)  # [B, C + i growth, H, W]
        return torch.add(x, self.fuse(maps), alpha=self.residual_scale)  # [B, C, H, W]


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)
