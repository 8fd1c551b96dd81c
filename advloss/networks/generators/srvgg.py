"""Real-ESRGAN's compact network."""

from typing import Literal

from torch import Tensor, nn

from advloss.networks.generators.enlarging import check_same_channels, enlarged
from advloss.networks.layers.basic import chain
from advloss.networks.layers.parameters import Positive, Scale, check_at_least, check_choice
from advloss.networks.layers.unit_range import to_unit

Activation = Literal["prelu", "relu", "leaky_relu"]


class SRVGG(nn.Module):
    """A chain of convolutions at the input's size, which learns the difference to the input's enlarged pixels.

    The compact network (SRVGGNetCompact) that the authors of Real-ESRGAN (Wang et al. 2021, arXiv:2107.10833) publish
    beside it. Images [B, C, H, W] in [-1, 1] -> [B, C, scale H, scale W], unbounded; any size.
    Inside, images are in [0, 1], as published weights need it.

    in_channels and out_channels must be the same. scale: output pixels for one input pixel along an axis.
    width: channels of all features. convolutions: between the first and the last (16 and 32 in the authors' models).
    activation: after each convolution but the last; `prelu` has a slope for each channel, `leaky_relu` has slope 0.1.
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
        convolutions: Positive = 16,
        activation: Activation = "prelu",
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width, convolutions=convolutions)
        check_same_channels("SRVGG", in_channels, out_channels)
        check_choice("scale", scale, Scale)
        check_choice("activation", activation, Activation)
        self.scale = int(scale)

        def layer(channels: int) -> nn.Sequential:
            return chain(conv=nn.Conv2d(channels, width, 3, padding=1), activation=_activation(activation, width))

        self.body = nn.Sequential(layer(in_channels), *[layer(width) for _ in range(convolutions)])
        self.last = nn.Conv2d(width, out_channels * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.last(self.body(to_unit(x)))  # [B, C scale^2, H, W], a difference of images in [0, 1]
        return enlarged(x, self.scale, "nearest") + 2 * self.shuffle(y)  # [B, C, scale H, scale W]


def _activation(name: Activation, channels: int) -> nn.Module:
    if name == "prelu":
        return nn.PReLU(channels)
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(0.1)
