"""Images to codes: DCGAN's generator turned round."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.encoders.convolutional import check_square
from advloss.networks.generators.dcgan import FIRST, check_doublings
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.parameters import Norm, Positive, check_at_least


class DCGANEncoder(nn.Module):
    """Convolutions 4 x 4 of stride 2 with a norm and ReLU down to 4 x 4 pixels, then a dense layer.

    So are the encoders of Tolstikhin et al. 2018, arXiv:1711.01558, appendix C. Weights begin as N(0, 0.02^2).
    Images [B, in, size, size] -> codes [B, out_channels], of any value.

    size: of the image, in pixels: 4 times a power of 2, at least 8. width: channels of the first map; each map after it
    has twice as many, at most 8 `width`. norm: after each convolution. out_channels: the length of a code.
    Raises InputError for a parameter out of range, and for images of another size or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 8,
        size: Positive = 32,
        width: Positive = 64,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width)
        halvings = check_doublings("dcgan", size)
        self.in_channels, self.size = in_channels, size
        channels = [in_channels, *(width * min(2**n, 8) for n in range(halvings))]

        def down(before: int, after: int) -> nn.Sequential:
            conv = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=norm != "batch")  # batch norm has a shift
            return chain(conv=conv, norm=norm_layer(norm, after), activation=nn.ReLU())

        self.body = nn.Sequential(*(down(*pair) for pair in pairwise(channels)))
        self.last = nn.Linear(channels[-1] * FIRST**2, out_channels)
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        check_square("DCGANEncoder", x, self.in_channels, self.size)
        return self.last(self.body(x).flatten(1))  # [B, C, 4, 4] -> [B, out_channels]
