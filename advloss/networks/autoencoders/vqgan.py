"""The convolutional encoder and decoder of VQ-GAN and latent diffusion: the two halves around a tokenizer's bottleneck.

Esser, Rombach, Ommer 2021, arXiv:2012.09841, appendix C, table 7; Rombach et al. 2022, arXiv:2112.10752, appendix E.1.
A tokenizer is decoder(bottleneck(encoder(image))): the references' 1x1 convolutions around the bottleneck
(`quant_conv`, `post_quant_conv`) are the encoder's last and the decoder's first layer here.

The networks do not depend on the image's size. The references choose the maps that get attention by their size in
pixels (`attn_resolutions: [16]`), for one size of the image (`resolution: 256`). Here they are chosen by the factor
between the two: 256 / 16 = 16.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import Converted
from advloss.networks.autoencoders.blocks import Downsampling, Upsampling, group_norm, middle, stage
from advloss.networks.layers.parameters import Positive, Probability, as_full_list, as_list, check_at_least, check_size

Multipliers = Annotated[Sequence[Positive], Converted(as_full_list)]
Factors = Annotated[Sequence[Positive], Converted(as_list)]
"""In a recipe both are lists, which YAML writes as they were read."""


class Encoder(nn.Module):
    """Images [B, in, H, W] in [-1, 1] -> latents [B, out, H/f, W/f], without an activation.

    f = `multiple` = 2^(number of multipliers - 1): height and width must be multiples of it. The papers'
    multipliers: f4 1 2 4, f8 1 2 2 4 (KL: 1 2 4 4), f16 1 1 2 2 4, f32 1 1 2 2 4 4.

    out_channels: channels that the bottleneck takes; for KL twice the latent's, mean and log variance (`double_z` in
    the references). z_channels: channels between the last 3x3 convolution and the 1x1 convolution after it; None: as
    many as out_channels. width: channels of the first layer. multipliers: channels at each resolution, as multiples of
    the width; the image's own resolution is the first. blocks: residual blocks at each resolution.
    attention: an attention follows each block at the resolutions with these factors (of 1, 2, 4, ... f).
    middle_attention: whether there is one between the two blocks at the end. groups: of the group norms.
    projection: whether there is the 1x1 convolution at the end.
    Raises InputError for parameters that don't go together, and for an image of a wrong size.
    """

    training_only: ClassVar[frozenset[str]] = frozenset({"dropout"})
    """Names of constructor parameters that don't change what the trained network computes."""

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 256,
        z_channels: Positive | None = None,
        width: Positive = 128,
        multipliers: Multipliers = (1, 1, 2, 2, 4),
        blocks: Positive = 2,
        attention: Factors = (16,),
        middle_attention: bool = True,
        groups: Positive = 32,
        dropout: Probability = 0.0,
        projection: bool = True,
    ) -> None:
        super().__init__()
        z_channels = _z_channels(z_channels, "out_channels", out_channels, projection)
        _check(width, multipliers, blocks, attention, groups, in_channels=in_channels, out_channels=out_channels)
        self.multiple = 2 ** (len(multipliers) - 1)
        self.smallest = self.multiple
        channels = [width, *(width * multiplier for multiplier in multipliers)]

        def level(i: int) -> nn.Sequential:
            down = Downsampling(channels[i + 1]) if i < len(multipliers) - 1 else None
            return stage((channels[i], channels[i + 1]), blocks, 2**i in attention, down, groups, dropout)

        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.levels = nn.Sequential(*map(level, range(len(multipliers))))
        self.middle = middle(channels[-1], middle_attention, groups, dropout)
        self.norm = group_norm(channels[-1], groups)
        self.last = nn.Conv2d(channels[-1], z_channels, 3, padding=1)
        self.projection = nn.Conv2d(z_channels, out_channels, 1) if projection else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        check_size("Encoder", x, self.smallest, self.multiple)
        x = self.first(x)  # [B, width, H, W]
        x = self.levels(x)  # [B, C, H/f, W/f]
        x = self.middle(x)  # [B, C, H/f, W/f]
        x = self.last(F.silu(self.norm(x)))  # [B, z, H/f, W/f]
        return self.projection(x)  # [B, out, H/f, W/f]


class Decoder(nn.Module):
    """Latents [B, in, h, w] -> images [B, out, f h, f w], around [-1, 1], without an activation.

    The encoder reversed, with one more residual block at each resolution. The parameters are the encoder's and mean the
    same. in_channels: of the latent. z_channels: channels after the 1x1 convolution at the start; None: in_channels.
    The last convolution's initial weights are torch's divided by 10: with the references' initial weights, the first
    images go beyond [-2, 2]. `factor` is f. Raises InputError for parameters that don't go together.
    """

    training_only: ClassVar[frozenset[str]] = frozenset({"dropout"})
    """Names of constructor parameters that don't change what the trained network computes."""

    def __init__(
        self,
        in_channels: Positive = 256,
        out_channels: Positive = 3,
        z_channels: Positive | None = None,
        width: Positive = 128,
        multipliers: Multipliers = (1, 1, 2, 2, 4),
        blocks: Positive = 2,
        attention: Factors = (16,),
        middle_attention: bool = True,
        groups: Positive = 32,
        dropout: Probability = 0.0,
        projection: bool = True,
    ) -> None:
        super().__init__()
        z_channels = _z_channels(z_channels, "in_channels", in_channels, projection)
        _check(width, multipliers, blocks, attention, groups, in_channels=in_channels, out_channels=out_channels)
        self.factor = 2 ** (len(multipliers) - 1)
        channels = [width * multiplier for multiplier in multipliers]
        channels.append(channels[-1])

        def level(i: int) -> nn.Sequential:
            up = Upsampling(channels[i]) if i > 0 else None
            return stage((channels[i + 1], channels[i]), blocks + 1, 2**i in attention, up, groups, dropout)

        self.projection = nn.Conv2d(in_channels, z_channels, 1) if projection else nn.Identity()
        self.first = nn.Conv2d(z_channels, channels[-1], 3, padding=1)
        self.middle = middle(channels[-1], middle_attention, groups, dropout)
        self.levels = nn.Sequential(*map(level, reversed(range(len(multipliers)))))
        self.norm = group_norm(channels[0], groups)
        self.last = nn.Conv2d(channels[0], out_channels, 3, padding=1)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.projection(x)  # [B, z, h, w]
        x = self.first(x)  # [B, C, h, w]
        x = self.middle(x)  # [B, C, h, w]
        x = self.levels(x)  # [B, width m, f h, f w]
        return self.last(F.silu(self.norm(x)))  # [B, out, f h, f w]


def _z_channels(z_channels: int | None, name: str, latent: int, projection: bool) -> int:
    """z_channels, or the latent's if None. Raises InputError if they differ and no 1x1 convolution is between them."""
    if z_channels is not None:
        check_at_least(1, z_channels=z_channels)
    if not projection and z_channels not in (None, latent):
        raise InputError(f"z_channels={z_channels} and {name}={latent} must be the same without a projection")
    return latent if z_channels is None else z_channels


def _check(
    width: int, multipliers: Sequence[int], blocks: int, attention: Sequence[int], groups: int, **channels: int
) -> None:
    """Raises InputError for parameters that don't go together."""
    check_at_least(1, width=width, blocks=blocks, groups=groups, **channels)
    if not multipliers or min(multipliers) < 1:
        raise InputError(f"multipliers={list(multipliers)} must be one or more numbers of at least 1")
    factors = [2**i for i in range(len(multipliers))]
    for factor in attention:
        if factor not in factors:
            raise InputError(
                f"attention={list(attention)}: with {len(multipliers)} multipliers the factors are "
                f"{', '.join(map(str, factors))}; {factor} is none of them"
            )
