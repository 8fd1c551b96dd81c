"""The convolutional encoder and decoder of VQ-GAN and latent diffusion: the two halves around a tokenizer's bottleneck.

Esser, Rombach, Ommer 2021, arXiv:2012.09841, appendix C, table 7; Rombach et al. 2022, arXiv:2112.10752, appendix E.1.
A tokenizer is decoder(bottleneck(encoder(image))): the references' 1x1 convolutions around the bottleneck
(`quant_conv`, `post_quant_conv`) are the encoder's last and the decoder's first layer here.

Nothing in them depends on the image's size. The references name the maps that get attention by their size in pixels
(`attn_resolutions: [16]`) at a native size (`resolution: 256`); here they are named by how much smaller than the image
they are, which is the quotient of the two: 16.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.autoencoders.blocks import Downsampling, Upsampling, group_norm, middle, stage
from advloss.networks.layers.parameters import Positive, Probability, check_at_least, check_size

Multipliers = Annotated[Sequence[Positive], Field(min_length=1), AfterValidator(list)]
Factors = Annotated[Sequence[Positive], AfterValidator(list)]
"""In a recipe both are lists, which YAML writes as they were read."""


class Encoder(nn.Module):
    """Images [B, in, H, W] in [-1, 1] -> latents [B, out, H/f, W/f], without an activation.

    f is `multiple`, 2 to the number of multipliers less one: height and width must be multiples of it. The papers'
    multipliers: f4 1 2 4, f8 1 2 2 4 (KL: 1 2 4 4), f16 1 1 2 2 4, f32 1 1 2 2 4 4.

    out_channels: what the bottleneck takes: for KL twice the latent's channels, mean and log variance (`double_z` in
    the references). z_channels: between the last 3x3 convolution and the 1x1 one behind it; None for out_channels.
    width: channels of the first layer. multipliers: of the width, one for each resolution, the image's own first.
    blocks: residual blocks at each resolution. attention: how much smaller than the image the maps are (1, 2, 4, ... f)
    on which an attention follows each block. middle_attention: one between the two blocks at the end.
    groups: of the group norms. projection: without it the 1x1 convolution is left out.
    Raises InputError for parameters that don't go together, and for an image of a wrong size.
    """

    training_only = frozenset({"dropout"})

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

    The encoder's way back, with one residual block more at each resolution. The parameters are the encoder's and mean
    the same; in_channels: of the latent. z_channels: behind the 1x1 convolution at the start; None for in_channels.
    The last convolution begins a tenth as large as torch makes it: with the references' start the first images go
    beyond [-2, 2]. `factor` is f. Raises InputError for parameters that don't go together.
    """

    training_only = frozenset({"dropout"})

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
    """The channels beside the 1x1 convolution; InputError where there is none and they can't differ."""
    if z_channels is not None:
        check_at_least(1, z_channels=z_channels)
    if not projection and z_channels not in (None, latent):
        raise InputError(f"z_channels={z_channels} and {name}={latent} must be the same without a projection")
    return latent if z_channels is None else z_channels


def _check(
    width: int, multipliers: Sequence[int], blocks: int, attention: Sequence[int], groups: int, **channels: int
) -> None:
    """InputError for numbers that make no such network."""
    check_at_least(1, width=width, blocks=blocks, groups=groups, **channels)
    if not multipliers or min(multipliers) < 1:
        raise InputError(f"multipliers={list(multipliers)} must be one or more numbers of at least 1")
    factors = [2**i for i in range(len(multipliers))]
    for factor in attention:
        if factor not in factors:
            raise InputError(
                f"attention={list(attention)}: {factor} is none of the factors {', '.join(map(str, factors))} "
                f"by which a map is smaller than the image with {len(multipliers)} multipliers"
            )
