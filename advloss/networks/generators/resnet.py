"""CycleGAN's residual generator."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.core.limits import at_least
from advloss.core.reflection import reflected
from advloss.networks.layers.basic import Conv, Dropout, chain, init_weights, norm_layer, upsampling_layer
from advloss.networks.layers.parameters import (
    Downsampling,
    Init,
    Norm,
    Padding,
    Positive,
    Probability,
    Statistics,
    Upsampling,
    check_at_least,
    check_choice,
    check_size,
)
from advloss.networks.layers.resampling import BlurredHalving

PIXELS = "pixels"
"""The name of the image itself among the layers, with the mirrored pixels that the first convolution sees."""
MapsOf = tuple[Tensor, tuple[Tensor, ...]]
"""An image, or the last map that was computed, and the maps of layers."""


class ResNetGenerator(nn.Module):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3, tanh: Zhu et al. 2017, arXiv:1703.10593, sec. 7.2.

    After Johnson et al. 2016 (arXiv:1603.08155), with instance norm. Images [B, in, H, W] -> [B, out, H, W] in [-1, 1];
    height and width must be multiples of `multiple` (4) and at least 8 pixels.

    width: channels of the first layer (64 in the paper). blocks: 6 for 128 px in the paper, 9 from 256 px on.
    dropout: its probability within each residual block. upsample: see `upsampling_layer`.
    padding: how the 7x7, the residual and the `resize` convolutions pad; the others pad with zeros.
    downsample: `strided`, or `antialiased`: convolutions of stride 1 whose activations are blurred before pixels are
    dropped (`BlurredHalving`), as in CUT (Park et al. 2020, arXiv:2007.15651). init: see `init_weights`.
    statistics_at_inference: see `BatchNorm`. dropout_at_inference: whether dropout works in eval mode too.
    With features=names: (image, the maps of these layers, in this order), from one pass. Names are those of `layers`:
    `pixels`, `downs.0.conv`, `blocks.4`. With decode=False the pass ends at the last of them, whose map is in the
    image's place.
    Raises InputError for a parameter out of range, for an image of a wrong size and for an unknown layer.
    """

    multiple = 4
    smallest = 8  # reflect padding and instance norm need 2x2 at the bottom

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 3,
        width: Positive = 64,
        blocks: Annotated[int, at_least(0)] = 9,
        norm: Norm = "instance",
        dropout: Probability = 0.0,
        upsample: Upsampling = "transposed",
        padding: Padding = "reflect",
        statistics_at_inference: Statistics = "running",
        dropout_at_inference: bool = False,
        downsample: Downsampling = "strided",
        init: Init = "normal",
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, width=width)
        check_at_least(0, blocks=blocks)
        check_choice("padding", padding, Padding)
        self.padding = padding
        bias = norm != "batch"  # batch norm has a shift of its own

        def layer(conv: nn.Module, channels: int, blur: nn.Module | None = None) -> nn.Sequential:
            norms = norm_layer(norm, channels, statistics_at_inference)
            return chain(conv=conv, norm=norms, activation=nn.ReLU(), blur=blur)

        def up(outer: int) -> nn.Sequential:
            return layer(upsampling_layer(upsample, outer * 2, outer, 3, bias, padding), outer)

        def block() -> ResidualBlock:
            drops = Dropout(dropout, dropout_at_inference)
            return ResidualBlock(4 * width, norm, padding, drops, statistics_at_inference)

        self.first = layer(Conv(in_channels, width, 7, padding=3, padding_mode=padding, bias=bias), width)
        self.downs = nn.Sequential(*(layer(*halving(c, 2 * c, downsample, bias)) for c in (width, 2 * width)))
        self.blocks = nn.Sequential(*[block() for _ in range(blocks)])
        self.ups = nn.Sequential(up(2 * width), up(width))
        self.last = Conv(width, out_channels, 7, padding=3, padding_mode=padding)
        init_weights(self, init=init)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    @property
    def layers(self) -> list[str]:
        """The names of the layers whose maps a call can give, in the order in which they are computed."""
        return [PIXELS, *(name for name, _ in self._named())]

    def forward(self, x: Tensor, features: Sequence[str] = (), decode: bool = True) -> Tensor | MapsOf:
        check_size("ResNetGenerator", x, self.smallest, self.multiple)
        if features:
            return self._with_features(x, features, decode)
        x = self.first(x)  # [B, width, H, W]
        x = self.downs(x)  # [B, 4 width, H/4, W/4]
        x = self.blocks(x)  # [B, 4 width, H/4, W/4]
        x = self.ups(x)  # [B, width, H, W]
        return torch.tanh(self.last(x))  # [B, out, H, W]

    def _with_features(self, x: Tensor, features: Sequence[str], decode: bool) -> MapsOf:
        """The same pass, layer by layer, with the maps of some of them."""
        for name in features:
            if name not in self.layers:
                raise InputError(unknown("layer of the generator", name, self.layers))
        maps = {PIXELS: self._padded(x)} if PIXELS in features else {}
        for name, layer in self._named():
            if not decode and len(maps) == len({*features}):
                break
            x = layer(x)
            if name in features:
                maps[name] = x
        return torch.tanh(self.last(x)) if decode else x, tuple(maps[name] for name in features)

    def _padded(self, x: Tensor) -> Tensor:
        """The image with the 3 pixels around it that the first convolution sees: [B, in, H + 6, W + 6]."""
        if self.padding == "zeros":
            return F.pad(x, (3, 3, 3, 3))
        if torch.are_deterministic_algorithms_enabled():
            return reflected(reflected(x, 2, 3, 3), 3, 3, 3)
        return F.pad(x, (3, 3, 3, 3), "reflect")

    def _named(self) -> Iterator[tuple[str, nn.Module]]:
        """The layers before `last`, in order."""
        stages: list[tuple[str, nn.Module]] = [("first", self.first)]
        stages += [(f"downs.{number}", stage) for number, stage in enumerate(self.downs)]
        for name, stage in stages:
            yield from ((f"{name}.{part}", layer) for part, layer in stage.named_children())
        yield from ((f"blocks.{number}", block) for number, block in enumerate(self.blocks))
        for number, stage in enumerate(self.ups):
            yield from ((f"ups.{number}.{part}", layer) for part, layer in stage.named_children())


def halving(
    channels: int, wider: int, downsample: Downsampling, bias: bool
) -> tuple[nn.Conv2d, int, BlurredHalving | None]:
    """The convolution of a layer that halves the map, its channels, and the blur behind its activation, if any.

    Raises InputError for another way of downsampling.
    """
    check_choice("downsample", downsample, Downsampling)
    blurs = downsample == "antialiased"
    conv = nn.Conv2d(channels, wider, 3, stride=1 if blurs else 2, padding=1, bias=bias)
    return conv, wider, BlurredHalving() if blurs else None


class ResidualBlock(nn.Module):
    """x + norm(conv(dropout(relu(norm(conv(x)))))), with 3x3 convolutions: arXiv:1703.10593, sec. 7.2, `Rk`.

    x: [B, C, H, W]. Returns the same shape.
    """

    def __init__(
        self,
        channels: int,
        norm: Norm,
        padding: Padding,
        dropout: Dropout,
        statistics_at_inference: Statistics = "running",
    ) -> None:
        super().__init__()
        bias = norm != "batch"
        self.conv1 = Conv(channels, channels, 3, padding=1, padding_mode=padding, bias=bias)
        self.norm1 = norm_layer(norm, channels, statistics_at_inference)
        self.dropout = dropout
        self.conv2 = Conv(channels, channels, 3, padding=1, padding_mode=padding, bias=bias)
        self.norm2 = norm_layer(norm, channels, statistics_at_inference)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))  # [B, C, H, W]
        return x + self.norm2(self.conv2(y))  # [B, C, H, W]
