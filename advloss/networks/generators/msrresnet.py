"""SRResNet without norms."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.generators.enlarging import check_same_channels, enlarged, init_small, sub_pixel_stages
from advloss.networks.layers.basic import chain
from advloss.networks.layers.parameters import Positive, Scale, check_at_least, check_choice
from advloss.networks.layers.unit_range import to_unit


class MSRResNet(nn.Module):
    """SRResNet without batch norm. It learns the difference to the bilinearly enlarged input.

    The baseline of Wang et al. 2018, arXiv:1809.00219, in the form of BasicSR's network of this name:
    no norms (as EDSR: Lim et al. 2017, arXiv:1707.02921), 3x3 convolutions throughout, LeakyReLU of slope 0.1 (ReLU
    within the blocks), one convolution more at the full size, and small initial weights.
    Images [B, C, H, W] in [-1, 1] -> [B, C, scale H, scale W], unbounded; any size.
    Inside, images are in [0, 1], as published weights need it.

    in_channels and out_channels must be the same. scale: output pixels for one input pixel along an axis.
    width: channels of all features. blocks: residual blocks.
    Raises InputError for a parameter out of range.
    """

    multiple = 1
    smallest = 1

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        scale: Scale = 4,
        width: Positive = 64,
        blocks: Positive = 16,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width, blocks=blocks)
        check_same_channels("MSRResNet", in_channels, out_channels)
        check_choice("scale", scale, Scale)
        self.scale = int(scale)
        self.first = chain(conv=nn.Conv2d(in_channels, width, 3, padding=1), activation=nn.LeakyReLU(0.1))
        self.blocks = nn.Sequential(*[PlainResidualBlock(width) for _ in range(blocks)])
        self.ups = sub_pixel_stages(width, scale, lambda: nn.LeakyReLU(0.1))
        self.hr = chain(conv=nn.Conv2d(width, width, 3, padding=1), activation=nn.LeakyReLU(0.1))
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)
        init_small(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(self.first(to_unit(x)))  # [B, width, H, W]
        y = self.last(self.hr(self.ups(y)))  # [B, C, scale H, scale W], a difference of images in [0, 1]
        return enlarged(x, self.scale, "bilinear") + 2 * y  # [B, C, scale H, scale W]


class PlainResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), with 3x3 convolutions: arXiv:1707.02921, fig. 2 (c).

    x: [B, C, H, W]. Returns the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))  # [B, C, H, W]
