"""The discriminator of StyleGAN-T: small heads on the tokens of a frozen ViT."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import Converted, at_least, check_limits
from advloss.core.precision import at_least_float32
from advloss.networks.discriminators.base import check_images
from advloss.networks.discriminators.on_features.pictures import as_pictures, joined, pictures_in
from advloss.networks.layers.basic import chain, norm_layer
from advloss.networks.layers.parameters import Norm, Positive, as_full_list
from advloss.networks.layers.spectral_norm import add_spectral_norm
from advloss.pretrained.backbones import Tokens

Depths = Annotated[Sequence[Annotated[int, at_least(0)]], Converted(as_full_list)]
GROUP = 8
"""Samples that share the statistics of a batch norm."""


class DINODiscriminator(nn.Module):
    """Heads on a frozen ViT's tokens at several depths: Sauer et al. 2023, arXiv:2301.09515, sec. 3.2; also that of
    VAR's tokenizer and of RAE (Zheng et al. 2025, arXiv:2510.11690).

    Images [B, in, H, W] in [-1, 1] -> a list of logits, one [B, 1, T] a head for the T patches, without a sigmoid: the
    heads of `depths`, then one of the embedded patches. With features=True: (that list, the outputs of the heads'
    layers), see `discriminators`.

    An image is brought to `size` x `size` pixels by means over areas. Then come the backbone, which is frozen and in no
    state dict (`Tokens`), and the heads: a convolution of width 1 along the patches, a residual one of width `kernel`
    that goes round their end, and one of width 1 to logits, all with spectral norm. The authors' DiffAugment is the
    loss's `augment`. Their random crops of half of the batches above 224 pixels are missing: `data.crop` crops.

    in_channels: where it is not 3, see `pictures_in`. backbone: NAME or NAME@FILE of a ViT of timm. depths: its blocks,
    from 0. size: a multiple of its patches. kernel: odd. norm: in the heads; with `batch`, the authors', groups of 8
    images share their statistics, in eval mode too. pretrained: False leaves the backbone random, for tests and dry
    runs.
    Raises InputError for a parameter out of range, for images of other channels, and for a backbone or its weights that
    can't be had.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        backbone: str = "vit_small_patch16_224.dino",
        depths: Depths = (2, 5, 8, 11),
        size: Positive = 224,
        kernel: Positive = 9,
        norm: Norm = "batch",
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        check_limits(self, in_channels=in_channels, size=size, kernel=kernel)
        if kernel % 2 == 0:
            raise InputError(f"kernel={kernel} must be odd")
        self.in_channels, self.size = in_channels, size
        self.pictures = pictures_in("dino", in_channels)
        self.backbone = Tokens(backbone, depths, size, pretrained)
        heads = [Head(self.pictures * self.backbone.width, kernel, norm) for _ in range(len(depths) + 1)]
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Tensor, features: bool = False) -> list[Tensor] | tuple[list[Tensor], list[Tensor]]:
        check_images("DINODiscriminator", x, self.in_channels)
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, self.size, mode="area")
        logits, maps = [], []
        for head, tokens in zip(self.heads, self.backbone(as_pictures(x, self.pictures)), strict=True):
            of_head, made = head(joined(tokens, self.pictures))
            logits.append(of_head)
            maps += made
        return (logits, maps) if features else logits


class Head(nn.Module):
    """Tokens [B, C, T] -> (logits [B, 1, T], the outputs of the two layers before)."""

    def __init__(self, channels: int, kernel: int, norm: Norm) -> None:
        super().__init__()

        def layer(width: int) -> nn.Sequential:
            around = nn.Conv1d(channels, channels, width, padding=width // 2, padding_mode="circular")
            normed = LocalBatchNorm(channels) if norm == "batch" else norm_layer(norm, channels)
            return chain(conv=around, norm=normed, activation=nn.LeakyReLU(0.2))

        self.body = nn.Sequential(layer(1), Residual(layer(kernel)))
        self.last = nn.Conv1d(channels, 1, 1)
        add_spectral_norm(self)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first, second = self.body
        one = first(x)
        two = second(one)
        return self.last(two), [one, two]


class Residual(nn.Module):
    """(layer(x) + x) / sqrt(2)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = (self.layer(x) + x) / math.sqrt(2)
        return result


class LocalBatchNorm(nn.Module):
    """Batch norm over groups of samples, in train and eval mode alike, with a scale and a shift for each channel.

    x: [B, C, T] -> the same shape; statistics over the samples of a group and T, in float32 at least. Groups follow
    each other and are equal: as few as leave at most 8 samples in each.
    """

    mixes_samples = True

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        batch = len(x)
        groups = next(n for n in range(-(-batch // GROUP), batch + 1) if batch % n == 0)
        of_groups = at_least_float32(x).unflatten(0, (groups, -1))  # [groups, B / groups, C, T]
        var, mean = torch.var_mean(of_groups, (1, 3), correction=0, keepdim=True)
        normed = ((of_groups - mean) / (var + self.eps).sqrt()).flatten(0, 1)
        return (normed * self.weight[:, None] + self.bias[:, None]).to(x.dtype)
