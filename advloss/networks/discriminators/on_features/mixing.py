"""Random projections of a pyramid of maps: fixed, never trained, and in the state dict."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.pretrained.backbones import STRIDES


class Mixing(nn.Module):
    """Cross-channel, then cross-scale mixing: Sauer et al. 2021, arXiv:2111.01007, sec. 3.2, sizes as in their code.

    Maps [B, channels[i], H_i, W_i], the largest first, each half of the one before -> [B, out_channels[i], 2 H_i,
    2 W_i]. A 1x1 convolution brings them to 1, 2, 4 and 8 times `width` channels. Then, the smallest first, a map gets
    what came from below added, is doubled (bilinear, corners aligned), and a 1x1 convolution halves its channels (not
    those of the largest). All convolutions begin as PyTorch's do and stay so: their weights are buffers.
    """

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        wide = [width * 2**i for i in range(len(STRIDES))]
        self.out_channels = [width, *wide[:-1]]
        self.channels = nn.ModuleList([fixed(nn.Conv2d(c, out, 1)) for c, out in zip(channels, wide, strict=True)])
        self.scales = nn.ModuleList(
            [fixed(nn.Conv2d(c, out, 1)) for c, out in zip(wide, self.out_channels, strict=True)]
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for seen, channels, scale in zip(maps[::-1], [*self.channels][::-1], [*self.scales][::-1], strict=True):
            x = channels(seen)
            if mixed:
                x = x + mixed[-1]
            mixed.append(scale(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)))
        return mixed[::-1]


def fixed(layer: nn.Module) -> nn.Module:
    """The layer with its parameters as buffers."""
    for name, parameter in [*layer.named_parameters(recurse=False)]:
        delattr(layer, name)
        layer.register_buffer(name, parameter.detach())
    return layer
