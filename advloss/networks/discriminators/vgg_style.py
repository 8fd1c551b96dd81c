"""SRGAN's and ESRGAN's discriminator, of the whole image."""

from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain, norm_layer
from advloss.networks.layers.parameters import DownKernel, Norm, Positive, check_at_least, check_choice
from advloss.networks.layers.resampling import ToGrid
from advloss.networks.layers.spectral_norm import add_spectral_norm
from advloss.networks.layers.unit_range import to_unit


class VGGStyleDiscriminator(nn.Module):
    """Pairs of convolutions, the second halving the image, and two dense layers.

    Ledig et al. 2017, arXiv:1609.04802, fig. 4. Images [B, in, H, W] -> one logit each [B, 1], without a sigmoid.
    Made for `native` (grid * 2**levels) pixels a side: the last feature map of an image of another size is averaged to
    grid x grid. Images must be at least `smallest` (2**levels) pixels in each direction.
    With features=True: (logits, the outputs of all layers before: maps, and last [B, hidden]), see `discriminators`.

    The defaults are ESRGAN's (Wang et al. 2018, arXiv:1809.00219, BasicSR's code) for 128 pixels; the figure of SRGAN
    is levels=4, grid=6, hidden=1024, down_kernel=3 for 96 pixels.
    in_channels: of the image, and of the condition where one is concatenated. width: channels of the first pair;
    pair n has `width * min(2**n, 8)`. levels: pairs. grid: pixels a side of the map that the dense layers see.
    hidden: size of the first dense layer. down_kernel: of the halving convolutions; the others are 3x3.
    norm: of all convolutions but the first. spectral_norm: of every convolution and dense layer.
    unit_range: the layers get the images in [0, 1], for which BasicSR's weights are; the network takes [-1, 1] always.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        levels: Positive = 5,
        grid: Positive = 4,
        hidden: Positive = 100,
        down_kernel: DownKernel = 4,
        norm: Norm = "batch",
        spectral_norm: bool = False,
        unit_range: bool = False,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, levels=levels, grid=grid, hidden=hidden)
        check_choice("down_kernel", down_kernel, DownKernel)
        self.in_channels = in_channels
        self.unit_range = unit_range
        self.smallest = 2**levels
        self.native = grid * 2**levels
        channels = [width * min(2**level, 8) for level in range(levels)]

        def layer(inner: int, outer: int, kernel: int, stride: int) -> nn.Sequential:
            conv = nn.Conv2d(inner, outer, kernel, stride, padding=1, bias=norm != "batch")
            return chain(conv=conv, norm=norm_layer(norm, outer), activation=nn.LeakyReLU(0.2))

        self.body = nn.Sequential()
        for level, outer in enumerate(channels):
            first = chain(conv=nn.Conv2d(in_channels, width, 3, padding=1), activation=nn.LeakyReLU(0.2))
            self.body.append(layer(channels[level - 1], outer, 3, 1) if level else first)
            self.body.append(layer(outer, outer, down_kernel, 2))
        dense = nn.Linear(channels[-1] * grid**2, hidden)
        self.body.append(chain(grid=ToGrid(grid), flat=nn.Flatten(), dense=dense, activation=nn.LeakyReLU(0.2)))
        self.last = nn.Linear(hidden, 1)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images("VGGStyleDiscriminator", x, self.in_channels, smallest=self.smallest)
        x = to_unit(x) if self.unit_range else x
        return logits_of(self.body, self.last, x, features)  # [B, C, H/2^levels, W/2^levels] -> [B, hidden] -> [B, 1]
