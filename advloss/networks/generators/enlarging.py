"""What the super-resolution networks share: enlarging stages, initial weights.

Published weights are for images in [0, 1]. Every network here takes and gives [-1, 1], and converts at both ends.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import chain

STAGES: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2)}
"""For each scale of a network, the factors of its successive enlargements."""


def enlarged(x: Tensor, scale: int, mode: str) -> Tensor:
    """[B, C, H, W] -> [B, C, scale H, scale W], mode `nearest` or `bilinear` (pixels are squares, not points).

    It gives the same image before a change of range, [-1, 1] to [0, 1], as after it.
    """
    return x if scale == 1 else F.interpolate(x, scale_factor=float(scale), mode=mode)


def sub_pixel_stages(width: int, scale: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    """[B, width, H, W] -> [B, width, scale H, scale W]: a convolution, pixel shuffle and activation for each factor.

    Shi et al. 2016, arXiv:1609.05158: x2, x3, twice x2 for 4, and no stage for 1.
    """

    def stage(factor: int) -> nn.Sequential:
        conv = nn.Conv2d(width, width * factor**2, 3, padding=1)
        return chain(conv=conv, shuffle=nn.PixelShuffle(factor), activation=activation())

    return nn.Sequential(*[stage(factor) for factor in STAGES[scale]])


@torch.no_grad()
def init_small(module: nn.Module, factor: float = 0.1) -> None:
    """Convolutions from N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852) times `factor`, biases 0.

    "Smaller initialization": Wang et al. 2018, arXiv:1809.00219, sec. 3.1. Changes the module's convolutions in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight).mul_(factor)
            if layer.bias is not None:
                layer.bias.zero_()


def check_same_channels(network: str, in_channels: int, out_channels: int) -> None:
    """Raises InputError where the enlarged input can't be added to the output."""
    if in_channels != out_channels:
        raise InputError(
            f"{network} adds the enlarged input to its output, so in_channels={in_channels} "
            f"and out_channels={out_channels} must be the same"
        )
