"""Real-ESRGAN's discriminator: a logit for every pixel, in view of its surroundings."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images
from advloss.networks.layers.basic import chain
from advloss.networks.layers.parameters import Positive, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm
from advloss.networks.layers.unit_range import to_unit


class UNetDiscriminator(nn.Module):
    """A U-Net whose skip connections add, with spectral norm: Wang et al. 2021, arXiv:2107.10833, sec. 3.4 and fig. 6.

    After Schonfeld et al. 2020, arXiv:2002.12655. Images [B, in, H, W] -> one logit a pixel [B, 1, H, W], without a
    sigmoid. Any size of at least `smallest` (8) pixels a side: three convolutions halve it (rounding down), bilinear
    enlargement takes it back to the size of each skip.
    With features=True: (logits, the outputs of the nine layers before, skips not yet added), see `discriminators`.

    in_channels: of the image, and of the condition where one is concatenated. width: channels of the outermost level.
    spectral_norm: of all convolutions but the first and the last.
    unit_range: the layers get the images in [0, 1], for which BasicSR's weights are; the network takes [-1, 1] always.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    smallest = 8

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        spectral_norm: bool = True,
        unit_range: bool = False,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width)
        self.in_channels = in_channels
        self.unit_range = unit_range

        def layer(inner: int, outer: int) -> nn.Sequential:
            kernel, stride = (4, 2) if outer > inner else (3, 1)
            conv = nn.Conv2d(inner * width, outer * width, kernel, stride, padding=1, bias=False)
            return chain(conv=conv, activation=nn.LeakyReLU(0.2))

        self.first = chain(conv=nn.Conv2d(in_channels, width, 3, padding=1), activation=nn.LeakyReLU(0.2))
        self.downs = nn.Sequential(layer(1, 2), layer(2, 4), layer(4, 8))
        self.ups = nn.Sequential(layer(8, 4), layer(4, 2), layer(2, 1))
        self.ends = nn.Sequential(layer(1, 1), layer(1, 1))
        self.last = nn.Conv2d(width, 1, 3, padding=1)
        if spectral_norm:
            for layers in (self.downs, self.ups, self.ends):
                add_spectral_norm(layers)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images("UNetDiscriminator", x, self.in_channels, smallest=self.smallest)
        maps = [self.first(to_unit(x) if self.unit_range else x)]  # [B, width, H, W]
        for down in self.downs:
            maps.append(down(maps[-1]))  # [B, 2^i width, H/2^i, W/2^i]
        x = maps[-1]
        for up, skip in zip(self.ups, maps[2::-1], strict=True):
            maps.append(up(F.interpolate(x, skip.shape[2:], mode="bilinear")))  # [B, 2^i width, H/2^i, W/2^i]
            x = maps[-1] + skip
        for end in self.ends:
            x = end(x)  # [B, width, H, W]
            maps.append(x)
        logits = self.last(x)  # [B, 1, H, W]
        return (logits, maps) if features else logits
