"""SRGAN's generator."""

from typing import Literal

from torch import Tensor, nn

from advloss.networks.generators.enlarging import sub_pixel_stages
from advloss.networks.layers.basic import chain, norm_layer
from advloss.networks.layers.parameters import Positive, Scale, check_at_least, check_choice
from advloss.networks.layers.unit_range import to_unit

SRResNetNorm = Literal["batch", "none"]


class SRResNet(nn.Module):
    """Residual blocks, a skip around them all, and sub-pixel stages: Ledig et al. 2017, arXiv:1609.04802, fig. 4.

    Images [B, in, H, W] in [-1, 1] -> [B, out, scale H, scale W]; any size. As in the paper (sec. 3.2), the first
    layer gets the input in [0, 1], and the last one gives the output in [-1, 1], unbounded.

    scale: output pixels for one input pixel along an axis; the paper's is 4, by two stages of 2.
    width: channels of all features (64 in the paper). blocks: residual blocks (16 in the paper).
    norm: `batch` is the paper's. Each channel has a PReLU of its own (He et al. 2015, arXiv:1502.01852).
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
        norm: SRResNetNorm = "batch",
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width, blocks=blocks)
        check_choice("scale", scale, Scale)
        check_choice("norm", norm, SRResNetNorm)
        self.scale = int(scale)
        bias = norm != "batch"  # batch norm has a shift of its own
        self.first = chain(conv=nn.Conv2d(in_channels, width, 9, padding=4), activation=nn.PReLU(width))
        self.blocks = nn.Sequential(*[ResidualBlock(width, norm) for _ in range(blocks)])
        self.trunk = chain(conv=nn.Conv2d(width, width, 3, padding=1, bias=bias), norm=norm_layer(norm, width))
        self.ups = sub_pixel_stages(width, scale, lambda: nn.PReLU(width))
        self.last = nn.Conv2d(width, out_channels, 9, padding=4)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(to_unit(x))  # [B, width, H, W]
        x = x + self.trunk(self.blocks(x))  # [B, width, H, W]
        return self.last(self.ups(x))  # [B, out, scale H, scale W]


class ResidualBlock(nn.Module):
    """x + norm(conv(prelu(norm(conv(x))))), with 3x3 convolutions: arXiv:1609.04802, fig. 4.

    x: [B, C, H, W]. Returns the same shape.
    """

    def __init__(self, channels: int, norm: SRResNetNorm) -> None:
        super().__init__()
        bias = norm != "batch"
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm1 = norm_layer(norm, channels)
        self.activation = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm2 = norm_layer(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.norm1(self.conv1(x)))  # [B, C, H, W]
        return x + self.norm2(self.conv2(y))  # [B, C, H, W]
