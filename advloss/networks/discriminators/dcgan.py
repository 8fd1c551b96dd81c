"""DCGAN's discriminator: an image to one logit."""

from typing import Annotated

from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.classes import check_label
from advloss.networks.layers.minibatch import MinibatchDiscrimination
from advloss.networks.layers.parameters import Norm, Positive, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm

LAST = 4
"""The kernel of the last convolution."""
KERNEL = 5
"""Dimensions of each kernel of minibatch discrimination, as in its authors' code for CIFAR-10."""
NotNegative = Annotated[int, at_least(0)]


class DCGANDiscriminator(nn.Module):
    """Convolutions 4 x 4 of stride 2 with batch norm and leaky ReLU: Radford et al. 2016, arXiv:1511.06434, sec. 3.

    Images [B, in, H, W] -> logits [B, 1, H', W'], without a sigmoid: one logit for images of `smallest` pixels (4 times
    2**layers), one for each patch of larger ones. The last convolution, 4 x 4 without padding, is the dense layer.
    With features=True: (logits, `layers` maps).

    layers: of stride 2; log2(side / 4) of them give one logit: 4 for 64 pixels. width: channels of the first layer;
    layer n has `width * min(2**n, 8)`. norm: of all layers but the first and the last. spectral_norm: of every
    convolution. Weights begin as N(0, 0.02^2), as in the paper.
    minibatch: how many numbers of minibatch discrimination (Salimans et al. 2016, arXiv:1606.03498, sec. 3.2, its B, of
    5 dimensions each) the last layer gets beside the map; it takes images of `smallest` pixels alone.
    classes: if there are K, a call takes (images, labels int64 [B]), and a projection on the class (Miyato and Koyama
    2018, arXiv:1802.05637, sec. 3) is added to each logit. out_features: above 1, the logits of a classifier
    [B, out_features], means over the places.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        layers: Positive = 4,
        norm: Norm = "batch",
        spectral_norm: bool = False,
        minibatch: NotNegative = 0,
        classes: int | None = None,
        out_features: Positive = 1,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, layers=layers, out_features=out_features)
        check_at_least(0, minibatch=minibatch)
        self.in_channels, self.layers, self.classes, self.minibatch = in_channels, layers, classes, minibatch
        self.smallest = LAST * 2**layers
        channels = [in_channels, *(width * min(2**n, 8) for n in range(layers))]

        def down(n: int) -> nn.Sequential:
            conv = nn.Conv2d(channels[n], channels[n + 1], 4, 2, padding=1, bias=norm != "batch" or n == 0)
            return chain(conv=conv, norm=norm_layer(norm, channels[n + 1]) if n else None, activation=nn.LeakyReLU(0.2))

        self.body = nn.Sequential(*map(down, range(layers)))
        values = channels[-1] * LAST**2
        compared = MinibatchDiscrimination(values, minibatch, KERNEL) if minibatch else None
        self.last: nn.Module = nn.Conv2d(channels[-1], out_features, LAST)
        if compared is not None:
            dense = nn.Linear(values + minibatch, out_features)
            self.last = chain(vector=nn.Flatten(), minibatch=compared, dense=dense)
        elif out_features > 1:
            self.last = chain(conv=self.last, mean=nn.AdaptiveAvgPool2d(1), vector=nn.Flatten())
        self.projection = nn.Conv2d(channels[-1], classes, LAST, bias=False) if classes else None
        init_weights(self)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, label: Tensor | None = None, features: bool = False) -> DiscriminatorOutput:
        check_images(f"DCGANDiscriminator(layers={self.layers})", x, self.in_channels, smallest=self.smallest)
        check_label(self, self.classes, label)
        if self.minibatch and max(x.shape[2:]) >= self.smallest + 2**self.layers:
            raise InputError(
                f"DCGANDiscriminator(minibatch={self.minibatch}) compares images of {self.smallest} pixels; these are "
                f"{x.shape[2]}x{x.shape[3]}: take more layers, or leave minibatch out"
            )
        return logits_of(self.body, self.last, x, features, self.projection, label)  # [B, 1, H / 2**layers - 3, ...]
