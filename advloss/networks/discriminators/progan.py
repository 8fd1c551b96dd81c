"""The discriminator of progressive growing: an image to one logit."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images
from advloss.networks.layers.basic import BiasedLeakyReLU, chain
from advloss.networks.layers.equalized import HE, EqualizedConv, EqualizedLinear, with_gain
from advloss.networks.layers.growing import FIRST, Growing, Iterations, Widths, as_written, check_side, halved, mixed
from advloss.networks.layers.minibatch import MinibatchStdDev
from advloss.networks.layers.parameters import Positive, check_at_least


class ProGANDiscriminator(Growing):
    """Grows with its generator by the clock, see `Growing`: Karras et al. 2018, arXiv:1710.10196, table 2, right.

    Images [B, in, size, size] -> one logit each [B, 1], without a sigmoid. They are averaged down to the level's size;
    then a convolution 1 x 1, and at each level two convolutions 3 x 3 with leaky ReLU (0.2) before the map is halved;
    at 4 x 4 minibatch deviation, a convolution 3 x 3 and two dense layers. Learning rates are equalised.
    With features=True: (logits, the first map and that after each level).

    widths: channels of each level, that of 4 x 4 pixels first. hold, fade: iterations, as the generator's.
    group: samples that minibatch deviation compares (4 in the authors' code; the paper takes the whole batch).
    Raises InputError for a parameter out of range, and for images of another size or other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        widths: Widths = (512, 512, 512, 512, 256),
        hold: Iterations = 50000,
        fade: Iterations = 50000,
        group: Positive = 4,
    ) -> None:
        super().__init__(widths, hold, fade)
        check_at_least(1, in_channels=in_channels)
        self.in_channels = in_channels
        self.images = nn.ModuleList(_conv(in_channels, width, 1) for width in widths)
        self.levels = nn.ModuleList(
            chain(conv1=_conv(after, after), conv2=_conv(after, before), halve=nn.AvgPool2d(2))
            for before, after in pairwise(widths)
        )
        width = widths[0]
        dense = with_gain(EqualizedLinear(width * FIRST**2, width), HE)
        self.last = chain(
            deviation=MinibatchStdDev(group),
            conv=_conv(width + 1, width),
            vector=nn.Flatten(),
            dense=dense,
            activation=nn.LeakyReLU(0.2),
            logit=EqualizedLinear(width, 1),
        )

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        return as_written(self._judged)(x, features)

    def _judged(self, x: Tensor, features: bool) -> DiscriminatorOutput:
        check_images("ProGANDiscriminator", x, self.in_channels, smallest=self.size)
        for side in x.shape[2:]:
            check_side("ProGANDiscriminator", self.size, side)
        level, alpha = self.level
        image = halved(x, self.highest - level)  # [B, in, S, S]
        maps = [self.images[level](image)]
        for n in range(level, 0, -1):
            new = self.levels[n - 1](maps[-1])  # [B, C, S / 2, S / 2]
            if n == level and alpha < 1:
                new = mixed(self.images[level - 1](halved(image)), new, alpha)
            maps.append(new)
        logits: Tensor = self.last(maps[-1])  # [B, C, 4, 4] -> [B, 1]
        return (logits, maps) if features else logits


def _conv(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    conv = with_gain(EqualizedConv(before, after, kernel, padding=kernel // 2, bias=False), HE)
    return chain(conv=conv, activation=BiasedLeakyReLU(after))
