"""The discriminator that judges overlapping patches."""

from torch import Tensor, nn

from advloss.networks.layers import chain, init_weights, norm_layer
from advloss.networks.parameters import Norm, Positive, check_at_least, check_size


class PatchGAN(nn.Module):
    """C64-C128-C256-C512 and one channel of logits: Isola et al. 2017, arXiv:1611.07004, sec. 3.2.2 and 6.1.2.

    Images [B, in, H, W] -> logits [B, 1, H', W'], one a patch, without a sigmoid. Convolutions are 4x4: the first
    `layers` of stride 2, then two of stride 1. Patches are 16, 34, 70, 142, 286 pixels wide for 1, 2, 3, 4, 5 layers;
    images must be at least `smallest` (3 * 2**layers) pixels in both directions.

    in_channels: of the image, and of the condition where one is concatenated (6 for pix2pix).
    width: channels of the first layer; layer n has `width * min(2**n, 8)`. norm: of all but the first and the last.
    `body` is one module a layer and `last` the convolution to logits, for whoever wants the features between.
    Raises InputError for a parameter out of range and for an image that is too small.
    """

    def __init__(
        self, in_channels: Positive = 3, width: Positive = 64, layers: Positive = 3, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, layers=layers)
        self.layers = layers
        self.smallest = 3 * 2**layers
        channels = [width * min(2**n, 8) for n in range(layers + 1)]

        def layer(n: int) -> nn.Sequential:
            stride = 2 if n < layers else 1
            conv = nn.Conv2d(channels[n - 1], channels[n], 4, stride, padding=1, bias=norm != "batch")
            return chain(conv=conv, norm=norm_layer(norm, channels[n]), activation=nn.LeakyReLU(0.2))

        first = chain(conv=nn.Conv2d(in_channels, width, 4, 2, padding=1), activation=nn.LeakyReLU(0.2))
        self.body = nn.Sequential(first, *map(layer, range(1, layers + 1)))
        self.last = nn.Conv2d(channels[-1], 1, 4, 1, padding=1)
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        check_size(f"PatchGAN(layers={self.layers})", x, self.smallest)
        x = self.body(x)  # [B, C, H/2^layers - 1, W/2^layers - 1]
        return self.last(x)  # [B, 1, H/2^layers - 2, W/2^layers - 2]
