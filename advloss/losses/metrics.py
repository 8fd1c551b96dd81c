"""How close two images are, as numbers to report: PSNR, SSIM, L1, LPIPS; one value for each pair of a batch.

x, y: float images [B, C, H, W] of one shape in [-1, 1] -> [B], in float32 at least, without gradient. Raises InputError
if shapes differ, an image is empty, of integers or too small, or its values are far outside [-1, 1].
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from advloss.losses import perceptual, structural
from advloss.losses.ranges import InputCheck
from advloss.losses.tensors import at_least_float32


def to_8_bit(x: Tensor) -> Tensor:
    """The level from 0 to 255 that a file would keep of each value: 127.5 (x + 1), clipped and rounded."""
    return (127.5 * (at_least_float32(x) + 1)).clamp(0, 255).round()


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """10 log10(255^2 / mean (x - y)^2) in dB, of the 8-bit levels: infinity if these are equal.

    The mean is over all axes but the batch's, so that it is the PSNR of the files, in RGB and with no border cut.
    """
    error = (to_8_bit(x) - to_8_bit(y)).square().flatten(1).mean(1)  # [B]
    return 10 * torch.log10(255**2 / error)


class PSNR(nn.Module):
    """Peak signal-to-noise ratio in dB; see `psnr`."""

    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return psnr(x, y)


class SSIM(nn.Module):
    """Structural similarity, at most 1, with whole windows of 11 pixels; see `structural.ssim`."""

    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return structural.ssim(x, y)


class L1(nn.Module):
    """mean |x - y| of each pair, on [-1, 1]."""

    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.check = InputCheck()

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return (at_least_float32(x) - at_least_float32(y)).abs().flatten(1).mean(1)


class LPIPS(nn.Module):
    """Learned perceptual distance, 0 for equal images; see `perceptual.LPIPS`."""

    higher_is_better: ClassVar[bool] = False

    def __init__(self, net: perceptual.Backbone = "alex", pretrained: bool = True) -> None:
        super().__init__()
        self.loss = perceptual.LPIPS(net, pretrained)

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss.distances(x, y)


METRICS: dict[str, type[nn.Module]] = {"psnr": PSNR, "ssim": SSIM, "l1": L1, "lpips": LPIPS}
