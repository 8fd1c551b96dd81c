"""pix2pix's U-Net generator."""

from typing import Annotated

import torch
from torch import Tensor, nn

from advloss.core.limits import at_least
from advloss.networks.layers.basic import Dropout, chain, init_weights, norm_layer, upsampling_layer
from advloss.networks.layers.parameters import (
    Norm,
    Positive,
    Probability,
    Statistics,
    Upsampling,
    check_at_least,
    check_probability,
    check_size,
)


class UNetGenerator(nn.Module):
    """An encoder and a decoder with a skip connection at every size: Isola et al. 2017, arXiv:1611.07004, sec. 6.1.1.

    Images [B, in, H, W] -> [B, out, H, W] in [-1, 1]; height and width must be multiples of `multiple` (2**levels).

    levels: halvings of the image: 8 is the paper's for 256 px, whose innermost map is 1x1; 7 suits 128 px.
    width: channels of the outermost level; level i has `min(width * 2**i, width * 8)`.
    norm: after each convolution, except the first, the last, and the innermost one on the way down.
    dropout: its probability in the `levels - 5` ups after the innermost one (three of eight). It is the paper's only
        noise. Its place is that of the authors' PyTorch code; in the paper the layers with dropout (CD512) begin at the
        innermost up, and the innermost down has a norm.
    upsample: see `upsampling_layer`. statistics_at_inference: see `BatchNorm`; `batch` in the paper.
    dropout_at_inference: whether dropout works in eval mode too; True in the paper.
    Raises InputError for a parameter out of range and for an image of a wrong size.
    """

    multiple: int

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        levels: Annotated[int, at_least(2)] = 8,
        width: Positive = 64,
        norm: Norm = "batch",
        dropout: Probability = 0.5,
        upsample: Upsampling = "transposed",
        statistics_at_inference: Statistics = "running",
        dropout_at_inference: bool = False,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width)
        check_at_least(2, levels=levels)
        check_probability(dropout=dropout)
        self.multiple = 2**levels
        channels = [min(width * 2**level, width * 8) for level in range(levels)]
        innermost = levels - 1
        bias = norm != "batch"  # batch norm has a shift of its own

        def normed(channels: int) -> nn.Module:
            return norm_layer(norm, channels, statistics_at_inference)

        def down(level: int) -> nn.Sequential:
            outer, inner = channels[level - 1], channels[level]
            conv = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)
            return chain(activation=nn.LeakyReLU(0.2), conv=conv, norm=normed(inner) if level < innermost else None)

        def up(level: int) -> nn.Sequential:
            outer, inner = channels[level - 1], channels[level] * (1 if level == innermost else 2)  # 2: skip too
            noise = Dropout(dropout, dropout_at_inference) if 4 <= level < innermost else None
            conv = upsampling_layer(upsample, inner, outer, 4, bias)
            return chain(activation=nn.ReLU(), conv=conv, norm=normed(outer), dropout=noise)

        first = nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=bias)
        last = upsampling_layer(upsample, 2 * width, out_channels, 4)
        self.downs = nn.ModuleList([chain(conv=first), *map(down, range(1, levels))])  # outermost first
        self.ups = nn.ModuleList([*map(up, range(innermost, 0, -1)), chain(activation=nn.ReLU(), conv=last)])
        init_weights(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return next(weight for name, weight in self.ups[-1].named_parameters() if name.endswith("weight"))

    def forward(self, x: Tensor) -> Tensor:
        check_size("UNetGenerator", x, self.multiple, self.multiple)
        skips = []
        for down in self.downs:
            x = down(x)  # [B, c_i, H/2^(i+1), W/2^(i+1)]
            skips.append(x)
        x = self.ups[0](skips.pop())
        for up in self.ups[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1))  # [B, 2 c_i, H/2^(i+1), W/2^(i+1)] -> [B, c_(i-1), H/2^i, W/2^i]
        return torch.tanh(x)  # [B, out, H, W]
