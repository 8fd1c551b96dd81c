"""DCGAN's generator: a vector to an image."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.classes import WithClass, check_label
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least, check_choice
from advloss.networks.layers.virtual_norm import VirtualBatchNorm, WithReference

FIRST = 4
"""Pixels along a side of the first map."""
REFERENCE = 64
"""Vectors of the reference batch of virtual batch norm."""
GeneratorNorm = Literal["batch", "instance", "virtual", "none"]
Distribution = Literal["normal", "uniform"]


class DCGAN(nn.Module):
    """Transposed convolutions with batch norm and ReLU, tanh at the end: Radford et al. 2016, arXiv:1511.06434, fig. 1.

    Vectors [B, in_features] -> images [B, out, size, size] in [-1, 1]. The vector is projected to a map of 4 x 4
    pixels, which a transposed convolution 4 x 4 of stride 2 doubles until it is as large as the image. The paper's
    kernels are 5 x 5; 4 x 4 are those of the authors' later code, and free of checkerboards of unequal overlap.

    size: of the image, in pixels: 4 times a power of 2, at least 8. width: channels of the last map before the image;
    each map before it has twice as many, at most 8 `width` (the paper's is 128, for 64 pixels).
    norm: after each layer but the last; `virtual` is virtual batch norm (Salimans et al. 2016, arXiv:1606.03498, sec.
    3.5), by a reference batch of 64 vectors that is drawn with the weights. Weights begin as N(0, 0.02^2), as in the
    paper. classes: if there are K, a call takes (vectors, labels int64 [B]), and the vector is followed by an embedding
    of the class (`WithClass`). distribution: of the vectors, for the reference batch.
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 100,
        out_channels: Positive = 3,
        size: Positive = 64,
        width: Positive = 64,
        norm: GeneratorNorm = "batch",
        classes: int | None = None,
        distribution: Distribution = "normal",
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_channels=out_channels, width=width)
        check_choice("norm", norm, GeneratorNorm)
        doublings = check_doublings("dcgan", size)
        self.in_features, self.classes = in_features, classes
        self.condition = WithClass(classes) if classes else None
        channels = [width * min(2**n, 8) for n in reversed(range(doublings))]  # of the 4 x 4 map first
        bias = norm not in ("batch", "virtual")  # these norms have a shift of their own

        def up(before: int, after: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
            conv = nn.ConvTranspose2d(before, after, 4, stride, padding, bias=bias)
            normed = VirtualBatchNorm(after, REFERENCE) if norm == "virtual" else norm_layer(norm, after)
            return chain(conv=conv, norm=normed, activation=nn.ReLU())

        ups = [up(before, after, stride=2, padding=1) for before, after in pairwise(channels)]
        features = in_features + (classes or 0)
        body = nn.Sequential(up(features, channels[0]), *ups)
        drawn = draw_noise(REFERENCE, features, distribution)[:, :, None, None] if norm == "virtual" else None
        self.body: nn.Module = body if drawn is None else WithReference(body, drawn)
        self.last = nn.ConvTranspose2d(channels[-1], out_channels, 4, stride=2, padding=1)
        init_weights(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        check_vectors("DCGAN", z, self.in_features)
        check_label(self, self.classes, label)
        if self.condition is not None:
            z = self.condition(z, label)
        return self.last(self.body(z[:, :, None, None])).tanh()  # [B, in, 1, 1] -> [B, out, size, size]


def draw_noise(count: int, features: int, distribution: Distribution) -> Tensor:
    """[count, features] of N(0, 1), or uniform in [-1, 1]."""
    return torch.randn(count, features) if distribution == "normal" else 2 * torch.rand(count, features) - 1


def check_doublings(network: str, size: int) -> int:
    """How often a map of 4 x 4 pixels is doubled to get `size`; InputError if it is no such size."""
    doublings = (size // FIRST).bit_length() - 1
    if doublings < 1 or FIRST << doublings != size:
        raise InputError(
            f"{network} makes images of 8, 16, 32, ... pixels, not of {size}; set data.crop to one of them"
        )
    return doublings
