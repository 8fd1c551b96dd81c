"""Images to features: convolutions with max-pooling, and dense layers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import Converted
from advloss.networks.discriminators.base import check_images
from advloss.networks.layers.basic import chain
from advloss.networks.layers.parameters import Positive, as_full_list, as_list, check_at_least

Channels = Annotated[Sequence[Positive], Converted(as_full_list)]
Widths = Annotated[Sequence[Positive], Converted(as_list)]
POOLED = 2
"""The side of the squares that max-pooling makes one pixel of."""


class ConvolutionalFeatures(nn.Module):
    """Convolutions without padding, each with ReLU and max-pooling of 2 x 2, then dense layers with ReLU.

    With the defaults the features of Ganin et al. 2016, arXiv:1505.07818, fig. 4a (MNIST). Weights begin as torch's do.
    Images [B, in, size, size] -> features [B, out_features].

    size: of the image, in pixels. channels: of each convolution. kernel: their side. dense: units of each dense layer;
    without any, the features are the last map.
    Raises InputError for a parameter out of range, and for images of another size or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        size: Positive = 28,
        channels: Channels = (32, 48),
        kernel: Positive = 5,
        dense: Widths = (),
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, size=size, kernel=kernel)
        self.in_channels, self.size = in_channels, size
        side = size
        for _ in channels:
            side = (side - kernel + 1) // POOLED
        if side < 1:
            raise InputError(
                f"convolutional: {len(channels)} convolutions of {kernel} x {kernel}, each with pooling, leave nothing "
                f"of {size} pixels; use fewer channels, a smaller kernel or a larger data.crop"
            )

        def convolved(before: int, after: int) -> nn.Sequential:
            return chain(conv=nn.Conv2d(before, after, kernel), activation=nn.ReLU(), pool=nn.MaxPool2d(POOLED))

        widths = [channels[-1] * side**2, *dense]
        self.out_features = widths[-1]
        self.convolutions = nn.Sequential(*(convolved(*pair) for pair in pairwise([in_channels, *channels])))
        self.dense = nn.Sequential(*(chain(dense=nn.Linear(*pair), activation=nn.ReLU()) for pair in pairwise(widths)))

    def forward(self, x: Tensor) -> Tensor:
        check_square("ConvolutionalFeatures", x, self.in_channels, self.size)
        features: Tensor = self.dense(self.convolutions(x).flatten(1))  # [B, out_features]
        return features


def check_square(network: str, x: Tensor, channels: int, size: int) -> None:
    """Raises InputError where x is not [B, channels, size, size]."""
    check_images(network, x, channels)
    if x.shape[2:] != (size, size):
        height, width = x.shape[2:]
        raise InputError(f"{network} takes images of {size}x{size} pixels, and this one has {height}x{width}")
