"""DCGAN's discriminator: an image to one logit."""

from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.parameters import Norm, Positive, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm

LAST = 4
"""The kernel of the last convolution."""


class DCGANDiscriminator(nn.Module):
    """Convolutions 4 x 4 of stride 2 with batch norm and leaky ReLU: Radford et al. 2016, arXiv:1511.06434, sec. 3.

    Images [B, in, H, W] -> logits [B, 1, H', W'], without a sigmoid: one logit for images of `smallest` pixels (4 times
    2**layers), one for each patch of larger ones. The last convolution, 4 x 4 without padding, is the dense layer.
    With features=True: (logits, `layers` maps).

    layers: of stride 2; log2(side / 4) of them give one logit: 4 for 64 pixels. width: channels of the first layer;
    layer n has `width * min(2**n, 8)`. norm: of all layers but the first and the last. spectral_norm: of every
    convolution. Weights begin as N(0, 0.02^2), as in the paper.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        layers: Positive = 4,
        norm: Norm = "batch",
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, layers=layers)
        self.in_channels, self.layers = in_channels, layers
        self.smallest = LAST * 2**layers
        channels = [in_channels, *(width * min(2**n, 8) for n in range(layers))]

        def down(n: int) -> nn.Sequential:
            conv = nn.Conv2d(channels[n], channels[n + 1], 4, 2, padding=1, bias=norm != "batch" or n == 0)
            return chain(conv=conv, norm=norm_layer(norm, channels[n + 1]) if n else None, activation=nn.LeakyReLU(0.2))

        self.body = nn.Sequential(*map(down, range(layers)))
        self.last = nn.Conv2d(channels[-1], 1, LAST)
        init_weights(self)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images(f"DCGANDiscriminator(layers={self.layers})", x, self.in_channels, smallest=self.smallest)
        return logits_of(self.body, self.last, x, features)  # [B, 1, H / 2**layers - 3, ...]
