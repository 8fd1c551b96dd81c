"""The generator of progressive growing: a vector to an image."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.layers.basic import BiasedLeakyReLU, chain
from advloss.networks.layers.equalized import HE, EqualizedConv, EqualizedLinear, PixelNorm, with_gain
from advloss.networks.layers.growing import FIRST, Growing, Iterations, Widths, as_written, check_side, enlarged, mixed
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class ProGANGenerator(Growing):
    """Grows from 4 x 4 pixels by the clock, see `Growing`: Karras et al. 2018, arXiv:1710.10196, table 2, left.

    Vectors [B, in_features] -> images [B, out, size, size], about in [-1, 1]; nothing bounds them. The vector is
    brought to length sqrt(in_features) first. Each level has two convolutions 3 x 3, each with leaky ReLU (0.2) and
    pixel norm, and a convolution 1 x 1 to an image. Learning rates are equalised, see `EqualizedConv`; the first dense
    layer's gain is a quarter of the others', as in the authors' code.

    size: of the image, in pixels. widths: channels of each level, that of 4 x 4 pixels first.
    hold, fade: iterations at each level, and to the next one.
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 512,
        out_channels: Positive = 3,
        size: Positive = 64,
        widths: Widths = (512, 512, 512, 512, 256),
        hold: Iterations = 50000,
        fade: Iterations = 50000,
    ) -> None:
        super().__init__(widths, hold, fade)
        check_at_least(1, in_features=in_features, out_channels=out_channels)
        check_side("progan", self.size, size)
        self.in_features = in_features
        self.norm = PixelNorm()
        dense = EqualizedLinear(in_features, widths[0] * FIRST**2, bias=False)
        self.first = chain(
            dense=with_gain(dense, HE / 4),
            map=nn.Unflatten(1, (widths[0], FIRST, FIRST)),
            activation=BiasedLeakyReLU(widths[0]),
            norm=PixelNorm(),
            conv=_conv(widths[0], widths[0]),
        )
        self.levels = nn.ModuleList(
            chain(enlarge=nn.Upsample(scale_factor=2), conv1=_conv(before, after), conv2=_conv(after, after))
            for before, after in pairwise(widths)
        )
        self.images = nn.ModuleList(EqualizedConv(width, out_channels, 1) for width in widths)

    def forward(self, z: Tensor) -> Tensor:
        return as_written(self._made)(z)

    def _made(self, z: Tensor) -> Tensor:
        check_vectors("ProGANGenerator", z, self.in_features)
        level, alpha = self.level
        old = new = self.first(self.norm(z))  # [B, C, 4, 4]
        for layer in list(self.levels)[:level]:
            old, new = new, layer(new)  # [B, C, S / 2, S / 2], [B, C, S, S]
        image: Tensor = self.images[level](new)  # [B, out, S, S]
        if alpha < 1:
            image = mixed(enlarged(self.images[level - 1](old)), image, alpha)
        return enlarged(image, self.highest - level)  # [B, out, size, size]


def _conv(before: int, after: int) -> nn.Sequential:
    conv = with_gain(EqualizedConv(before, after, 3, padding=1, bias=False), HE)
    return chain(conv=conv, activation=BiasedLeakyReLU(after), norm=PixelNorm())
