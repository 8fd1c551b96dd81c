"""StyleGAN2's residual discriminator."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain
from advloss.networks.layers.equalized import EqualizedConv, EqualizedLinear
from advloss.networks.layers.minibatch import MinibatchStdDev
from advloss.networks.layers.parameters import Positive, check_at_least
from advloss.networks.layers.resampling import Blur, ToGrid

GRID = 4


class StyleGAN2Discriminator(nn.Module):
    """Residual blocks that halve the image, and two dense layers: Karras et al. 2020, arXiv:1912.04958, fig. 7c.

    Equalised learning rates and minibatch deviation are those of Karras et al. 2018, arXiv:1710.10196, sec. 4.1 and 3.
    Images [B, in, H, W] -> one logit each [B, 1], without a sigmoid. Made for `native` (4 * 2**levels) pixels a side:
    the last feature map of an image of another size is averaged to 4x4. Images must be at least `smallest`
    (2**levels) pixels in each direction.
    With features=True: (logits, the outputs of the first layer, of each block, of the last convolution and of the first
    dense layer, [B, C]), see `discriminators`.

    in_channels: of the image, and of the condition where one is concatenated. levels: blocks, 6 for 256 px, 8 for 1024.
    width: channels at full size, doubled by each block up to max_width. The paper's (config F) are 128 at 256 px and
    32 at 1024 px; 64 at 256 px is half of that, as in arXiv:2006.06676.
    group: samples that minibatch deviation compares, see `MinibatchStdDev`; 1 switches it off (a constant channel).
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        levels: Positive = 6,
        max_width: Positive = 512,
        group: Positive = 4,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, levels=levels, max_width=max_width)
        self.in_channels = in_channels
        self.smallest = 2**levels
        self.native = GRID * 2**levels
        channels = [min(width * 2**level, max_width) for level in range(levels + 1)]
        deepest = channels[-1]
        self.body = nn.Sequential(
            chain(conv=EqualizedConv(in_channels, channels[0], 1), activation=ScaledLeakyReLU()),
            *[ResidualDown(channels[level], channels[level + 1]) for level in range(levels)],
            chain(
                grid=ToGrid(GRID),
                deviation=MinibatchStdDev(group),
                conv=EqualizedConv(deepest + 1, deepest, 3, padding=1),
                activation=ScaledLeakyReLU(),
            ),
            chain(flat=nn.Flatten(), dense=EqualizedLinear(deepest * GRID**2, deepest), activation=ScaledLeakyReLU()),
        )
        self.last = EqualizedLinear(deepest, 1)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images("StyleGAN2Discriminator", x, self.in_channels, smallest=self.smallest)
        return logits_of(self.body, self.last, x, features)  # [B, C, 4, 4] -> [B, C] -> [B, 1]


class ResidualDown(nn.Module):
    """(convolutions + a 1x1 convolution) / sqrt 2, both halving the image: arXiv:1912.04958, fig. 7c.

    x: [B, in, H, W] -> [B, out, H/2, W/2], odd sides rounded down. The [1, 3, 3, 1] filter comes before every second
    pixel is taken.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv(in_channels, in_channels, 3, padding=1)
        self.blur = Blur(padding=2)
        self.conv2 = EqualizedConv(in_channels, out_channels, 3, stride=2)
        self.activation = ScaledLeakyReLU()
        self.skip_blur = Blur(padding=1, stride=2)
        self.skip = EqualizedConv(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.conv1(x))  # [B, in, H, W]
        y = self.activation(self.conv2(self.blur(y)))  # [B, out, H/2, W/2]
        return (y + self.skip(self.skip_blur(x))) / math.sqrt(2)  # [B, out, H/2, W/2]


class ScaledLeakyReLU(nn.Module):
    """Leaky ReLU (0.2) times sqrt 2, which keeps the variance of what goes through it; as in StyleGAN2's code."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.2) * math.sqrt(2)
