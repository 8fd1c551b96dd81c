"""SPADE: norms whose scale and shift follow from a label map, and the generator that is made of them."""

from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.limits import between, check_limits
from advloss.networks.layers.basic import Conv, init_weights, norm_layer
from advloss.networks.layers.parameters import Norm, Positive, Statistics, check_size
from advloss.networks.layers.spectral_norm import add_spectral_norm


class SPADE(nn.Module):
    """norm(x) (1 + gamma(labels)) + beta(labels): Park et al. 2019, arXiv:1903.07291, eq. 1 to 3 and fig. 11.

    x: [B, C, h, w]. labels: [B, L, H, W], H and W multiples of h and w; of each cell its first pixel counts. Gives
    [B, C, h, w]. norm: without a scale and shift of its own. gamma and beta are 3x3 convolutions of `hidden` maps,
    which a 3x3 convolution and ReLU make of the labels.
    """

    def __init__(self, channels: int, labels: int, hidden: int, norm: Norm, statistics: Statistics) -> None:
        super().__init__()
        self.norm = norm_layer(norm, channels, statistics, affine=False)
        self.shared = Conv(labels, hidden, 3, padding=1)
        self.gamma = Conv(hidden, channels, 3, padding=1)
        self.beta = Conv(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        seen = F.relu(self.shared(_smaller(labels, labels.shape[2] // x.shape[2])))  # [B, hidden, h, w]
        return self.norm(x) * (1 + self.gamma(seen)) + self.beta(seen)  # [B, C, h, w]


class SPADEBlock(nn.Module):
    """Two 3x3 convolutions, each behind a SPADE and leaky ReLU (0.2), added to the input: arXiv:1903.07291, fig. 4.

    x: [B, C, h, w] -> [B, C', h, w]. Where C' is another number, the input goes through a SPADE and a 1x1 convolution
    first. The convolutions outside the SPADEs have spectral norm.
    """

    def __init__(
        self, channels: int, out_channels: int, labels: int, hidden: int, norm: Norm, statistics: Statistics
    ) -> None:
        super().__init__()
        middle = min(channels, out_channels)
        self.norm0 = SPADE(channels, labels, hidden, norm, statistics)
        self.conv0 = Conv(channels, middle, 3, padding=1)
        self.norm1 = SPADE(middle, labels, hidden, norm, statistics)
        self.conv1 = Conv(middle, out_channels, 3, padding=1)
        self.shortcut_norm, self.shortcut = None, None
        if channels != out_channels:
            self.shortcut_norm = SPADE(channels, labels, hidden, norm, statistics)
            self.shortcut = Conv(channels, out_channels, 1, bias=False)

    def add_spectral_norm(self) -> None:
        """Once the first weights are there."""
        for conv in (self.conv0, self.conv1, self.shortcut):
            if conv is not None:
                add_spectral_norm(conv)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = self.conv0(F.leaky_relu(self.norm0(x, labels), 0.2))  # [B, min(C, C'), h, w]
        y = self.conv1(F.leaky_relu(self.norm1(y, labels), 0.2))  # [B, C', h, w]
        if self.shortcut_norm is not None and self.shortcut is not None:
            x = self.shortcut(self.shortcut_norm(x, labels))
        return x + y


class SPADEGenerator(nn.Module):
    """SPADE's generator without its encoder of styles: Park et al. 2019, arXiv:1903.07291, sec. 3.1 and fig. 12.

    Label maps [B, in, H, W], one-hot or pictures, -> [B, out, H, W] in [-1, 1]; height and width must be multiples of
    `multiple` (2 to the power of `doublings`), and at least `smallest`, twice that. The smallest label map, through a
    3x3 convolution, begins: where the paper has noise or a style, its code has this by default. Then SPADE blocks of 16
    (three of them), 8, 4, 2 and 1 times `width` channels, and 1/2 with 7 doublings, with nearest neighbours x2 between
    them; leaky ReLU, a 3x3 convolution and tanh.

    doublings: 5 for 256 pixels, 6 or 7 for more, as the code's `num_upsampling_layers` (normal, more, most).
    hidden: the maps within each SPADE (128 in the paper). norm: of the SPADEs; the paper's is batch norm over all
    processes, ours is over each one's images. statistics_at_inference: see `BatchNorm`.
    Raises InputError for a parameter out of range and for an image of a wrong size.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        width: Annotated[int, between(2, 1024)] = 64,
        doublings: Annotated[int, between(5, 7)] = 5,
        hidden: Positive = 128,
        norm: Norm = "batch",
        statistics_at_inference: Statistics = "running",
    ) -> None:
        super().__init__()
        check_limits(self, in_channels=in_channels, out_channels=out_channels, width=width)
        check_limits(self, doublings=doublings, hidden=hidden)
        self.multiple = 2**doublings
        self.smallest = 2 * self.multiple  # instance norm needs 2x2 at the bottom
        widths = [width * factor for factor in (16, 16, 16, 16, 8, 4, 2, 1)] + [width // 2] * (doublings == 7)
        self.first = Conv(in_channels, widths[0], 3, padding=1)
        blocks = [
            SPADEBlock(one, next_, in_channels, hidden, norm, statistics_at_inference)
            for one, next_ in pairwise(widths)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.doubled = tuple(number for number in range(1, len(blocks)) if number != 2 or doublings > 5)
        self.last = Conv(widths[-1], out_channels, 3, padding=1)
        init_weights(self, init="xavier")
        for block in blocks:
            block.add_spectral_norm()

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        check_size("SPADEGenerator", x, self.smallest, self.multiple)
        labels = x
        x = self.first(_smaller(labels, self.multiple))  # [B, 16 width, H/2^n, W/2^n]
        for number, block in enumerate(self.blocks):
            if number in self.doubled:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(x, labels)
        return torch.tanh(self.last(F.leaky_relu(x, 0.2)))  # [B, out, H, W]


def _smaller(labels: Tensor, factor: int) -> Tensor:
    """Nearest neighbours: of factor x factor pixels the first."""
    return labels[..., ::factor, ::factor]
