"""The parts of the encoder and the decoder of VQ-GAN and latent diffusion: residual blocks, attention, stages."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import Dropout, chain

EPS = 1e-6


class ResidualBlock(nn.Module):
    """shortcut(x) + conv(dropout(swish(norm(conv(swish(norm(x))))))), with 3x3 convolutions and group norms.

    Ho, Jain, Abbeel 2020, arXiv:2006.11239, appendix B, without the time embedding. x: [B, in, H, W] -> [B, out, H, W].
    The shortcut is x itself, or a 1x1 convolution where `out` is not `in`.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels, groups)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels, groups)
        self.dropout = Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))  # [B, out, H, W]
        y = self.conv2(self.dropout(F.silu(self.norm2(y))))  # [B, out, H, W]
        return self.shortcut(x) + y  # [B, out, H, W]


class Attention(nn.Module):
    """x + out(softmax(q k^T / sqrt(C)) v): attention of each position of the map to all, with one head.

    Esser, Rombach, Ommer 2021, arXiv:2012.09841, appendix C. x: [B, C, H, W]. Returns the same shape.
    The references have 1x1 convolutions; here they are linear layers, whose output torch's fast attention kernels take
    without a copy.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, groups)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2).mT[:, None]  # [B, 1, H W, C]
        y = F.scaled_dot_product_attention(self.query(tokens), self.key(tokens), self.value(tokens))  # [B, 1, H W, C]
        return x + self.out(y)[:, 0].mT.reshape(x.shape)  # [B, C, H, W]


class Downsampling(nn.Conv2d):
    """A 3x3 convolution of stride 2, padded by a row below and a column at the right: [B, C, H, W] -> [B, C, H/2, W/2].

    The references pad in this asymmetric way, and published weights need it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, stride=2)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.pad(input, (0, 1, 0, 1)))  # [B, C, H/2, W/2]


class Upsampling(nn.Conv2d):
    """Nearest neighbour x2, then a 3x3 convolution: [B, C, h, w] -> [B, C, 2h, 2w]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.interpolate(input, scale_factor=2.0, mode="nearest"))  # [B, C, 2h, 2w]


def stage(
    channels: tuple[int, int], blocks: int, attention: bool, resample: nn.Module | None, groups: int, dropout: float
) -> nn.Sequential:
    """One resolution: `blocks` residual blocks from channels[0] to channels[1], then `resample`, unless it is None.

    attention: whether an attention follows each block.
    """
    layers: dict[str, nn.Module | None] = {}
    for i in range(blocks):
        layers[f"block{i}"] = ResidualBlock(channels[min(i, 1)], channels[1], groups, dropout)
        layers[f"attention{i}"] = Attention(channels[1], groups) if attention else None
    return chain(**layers, resample=resample)


def middle(channels: int, attention: bool, groups: int, dropout: float) -> nn.Sequential:
    """Two residual blocks, and between them an attention if `attention` is true."""
    return chain(
        block0=ResidualBlock(channels, channels, groups, dropout),
        attention=Attention(channels, groups) if attention else None,
        block1=ResidualBlock(channels, channels, groups, dropout),
    )


def group_norm(channels: int, groups: int) -> nn.GroupNorm:
    """The group norm of these networks. Raises InputError where `groups` does not divide the channels."""
    if channels % groups:
        raise InputError(
            f"group norm divides {channels} channels into groups={groups}; width must be a multiple of groups"
        )
    return nn.GroupNorm(groups, channels, eps=EPS)
