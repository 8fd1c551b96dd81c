"""The discriminators of one image at several sizes."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.discriminators.base import check_images
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.layers.parameters import Dims, Norm, Positive, check_at_least

POOLINGS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class MultiScale(nn.Module):
    """PatchGANs of the same layers for the image, its half, its quarter, ...: Wang et al. 2018, arXiv:1711.11585, 3.2.

    Images [B, in, H, W] -> a list of logits, one [B, 1, H', W'] a scale, largest image first, without a sigmoid.
    With features=True: (that list, the features of all scales one after the other), see `discriminators`.
    Images shrink by means over 3x3 pixels at every second pixel (at the border, over the pixels inside), as in the
    authors' code. They must be at least `smallest` pixels in each direction, 93 for three scales: the
    last must be left with a PatchGAN's smallest, 24.

    scales: how many. The other parameters are each `PatchGAN`'s.
    Raises InputError for a parameter out of range, and for images too small or of other channels or dimensions.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        scales: Positive = 3,
        width: Positive = 64,
        layers: Positive = 3,
        norm: Norm = "instance",
        spectral_norm: bool = False,
        dims: Dims = 2,
    ) -> None:
        super().__init__()
        check_at_least(1, scales=scales)
        self.in_channels = in_channels
        self.dims = dims
        self.scales = nn.ModuleList(
            [PatchGAN(in_channels, width, layers, norm, spectral_norm, dims) for _ in range(scales)]
        )
        self.smallest = (3 * 2**layers - 1) * 2 ** (scales - 1) + 1  # halves are rounded up

    def forward(self, x: Tensor, features: bool = False) -> list[Tensor] | tuple[list[Tensor], list[Tensor]]:
        check_images(f"MultiScale(scales={len(self.scales)})", x, self.in_channels, self.dims, self.smallest)
        logits, maps = [], []
        for i, discriminator in enumerate(self.scales):
            if i:
                x = POOLINGS[self.dims](x, 3, 2, 1, count_include_pad=False)  # [B, in, H/2^i, W/2^i]
            of_scale, made = discriminator(x, features=True)
            logits.append(of_scale)
            maps += made
        return (logits, maps) if features else logits
