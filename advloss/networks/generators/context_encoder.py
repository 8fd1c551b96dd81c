"""The context encoder: an image with a hole to an image without one."""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.encoders.convolutional import check_square
from advloss.networks.generators.dcgan import FIRST, check_doublings
from advloss.networks.layers.basic import BatchNorm, chain, init_weights
from advloss.networks.layers.parameters import Positive, check_at_least, check_choice

Middle = Literal["channelwise", "dense"]


class ContextEncoderGenerator(nn.Module):
    """An encoder to 4 x 4 pixels, a layer in which each place sees all others, and a decoder, without skips.

    Pathak et al. 2016, arXiv:1604.07379, sec. 3.1, with the layers of the authors' code: convolutions 4 x 4 of stride 2
    with batch norm and leaky ReLU, then transposed ones with batch norm and ReLU, tanh at the end.
    Images [B, in, size, size] -> [B, out, size, size] in [-1, 1]. Weights begin as N(0, 0.02^2).

    size: of the image, in pixels: 4 times a power of 2, at least 8. width: channels of the first map; the last one has
    8 times as many in 64 and more pixels.
    middle: `dense`: every value of the last map is connected to `bottleneck` values and these to the decoder, as in the
    authors' code. `channelwise`: within each channel, every place is connected to every place, and a convolution 1 x 1
    connects the channels, as in the paper. bottleneck: of `dense`; the code's for its pictures is 4000.
    Raises InputError for a parameter out of range, and for images of another size or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        size: Positive = 128,
        width: Positive = 64,
        middle: Middle = "channelwise",
        bottleneck: Positive = 4000,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width, bottleneck=bottleneck)
        check_choice("middle", middle, Middle)
        halvings = check_doublings("context_encoder", size)
        self.in_channels, self.size = in_channels, size
        channels = [
            width * 2 ** max(0, n - max(0, halvings - 4)) for n in range(halvings)
        ]  # of the maps, largest first
        last = channels[-1]

        def down(before: int, after: int) -> nn.Sequential:
            conv = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
            return chain(conv=conv, norm=BatchNorm(after), activation=nn.LeakyReLU(0.2))

        def up(before: int, after: int) -> nn.Sequential:
            conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
            return chain(conv=conv, norm=BatchNorm(after), activation=nn.ReLU())

        first = chain(conv=nn.Conv2d(in_channels, width, 4, stride=2, padding=1), activation=nn.LeakyReLU(0.2))
        self.encoder = nn.Sequential(first, *(down(*pair) for pair in pairwise(channels)))
        self.middle = _dense(last, bottleneck) if middle == "dense" else _channelwise(last)
        self.decoder = nn.Sequential(*(up(*pair) for pair in pairwise(reversed(channels))))
        self.last = nn.ConvTranspose2d(width, out_channels, 4, stride=2, padding=1)
        init_weights(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        check_square("ContextEncoderGenerator", x, self.in_channels, self.size)
        middle = self.middle(self.encoder(x))  # [B, C, 4, 4]
        return self.last(self.decoder(middle)).tanh()  # [B, out, size, size]


class ChannelwiseLinear(nn.Module):
    """A dense layer for each channel: Pathak et al. 2016, arXiv:1604.07379, sec. 3.1. [B, C, H, W] -> the same shape.

    places: H W. Its weights begin as uniform in (-1, 1) / sqrt(places), as those of torch's dense layer.
    """

    def __init__(self, channels: Positive, places: Positive) -> None:
        super().__init__()
        check_at_least(1, channels=channels, places=places)
        limit = 1 / math.sqrt(places)
        self.weight = nn.Parameter(torch.empty(channels, places, places).uniform_(-limit, limit))
        self.bias = nn.Parameter(torch.zeros(channels, places))

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2)
        if places.shape[1:] != self.bias.shape:
            raise InputError(
                f"ChannelwiseLinear takes {list(self.bias.shape)} channels and places, not {list(x.shape)}"
            )
        return (torch.einsum("bci,cij->bcj", places, self.weight) + self.bias).view_as(x)


def _channelwise(channels: int) -> nn.Sequential:
    mixed = nn.Conv2d(channels, channels, 1, bias=False)
    return chain(places=ChannelwiseLinear(channels, FIRST**2), conv=mixed, norm=BatchNorm(channels), act=nn.ReLU())


def _dense(channels: int, bottleneck: int) -> nn.Sequential:
    return chain(
        together=nn.Conv2d(channels, bottleneck, FIRST, bias=False),  # [B, bottleneck, 1, 1]
        norm=BatchNorm(bottleneck),
        activation=nn.LeakyReLU(0.2),
        apart=nn.ConvTranspose2d(bottleneck, channels, FIRST, bias=False),
        norm_apart=BatchNorm(channels),
        activation_apart=nn.ReLU(),
    )
