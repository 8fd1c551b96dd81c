"""How close two images are, as numbers to report: PSNR, SSIM, L1, LPIPS; one value for each pair of a batch.

x, y: float images [B, C, H, W] of one shape in [-1, 1] -> [B], in float32 at least, without gradient. Raises InputError
if shapes differ, an image is empty, of integers or too small, or its values are far outside [-1, 1].

The super-resolution literature measures channel "y" with border = scale: of the pictures as files keep them (8 bits),
in the luma of MATLAB's rgb2ycbcr, without the pixels at the border.
"""

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least, check_limits
from advloss.core.precision import at_least_float32
from advloss.losses import structural
from advloss.losses.checks import InputCheck
from advloss.losses.perceptual import lpips as perceptual

Channel = Literal["rgb", "y"]
Border = Annotated[int, at_least(0)]


def to_8_bit(x: Tensor) -> Tensor:
    """The level from 0 to 255 that a file would keep of each value: 127.5 (x + 1), clipped and rounded."""
    return (127.5 * (at_least_float32(x) + 1)).clamp(0, 255).round()


def luma(levels: Tensor) -> Tensor:
    """8-bit levels [B, 3, H, W] of RGB, or [B, 1, H, W] of grey -> the levels of Y [B, 1, H, W], whole and float64.

    Y = 16 + 65.481 R + 128.553 G + 24.966 B of RGB in [0, 1], rounded: ITU-R BT.601 in studio range, 16 to 235, as
    MATLAB's rgb2ycbcr gives it for uint8. Halves are rounded up, and exactly so, since 255,000 Y is a whole number.
    Grey counts as RGB of three equal channels.
    """
    if levels.ndim != 4 or levels.shape[1] not in (1, 3):
        raise InputError(f"Y is made of images [B, 3 or 1, H, W]; these have shape {tuple(levels.shape)}")
    red, green, blue = levels.double().expand(-1, 3, -1, -1).split(1, 1)  # [B, 1, H, W] each
    return 16 + torch.div(65481 * red + 128553 * green + 24966 * blue + 127500, 255000, rounding_mode="floor")


def psnr(x: Tensor, y: Tensor, channel: Channel = "rgb", border: int = 0) -> Tensor:
    """10 log10(255^2 / mean (x - y)^2) in dB, of the 8-bit levels: infinity if these are equal.

    The mean is over all axes but the batch's, so that it is the PSNR of the files. channel: rgb, all channels together,
    or y, their luma, with the same peak of 255; border: how many pixels at each side don't count.
    """
    a, b = (to_8_bit(_inner(image, border)) for image in (x, y))
    if channel == "y":
        a, b = luma(a), luma(b)
    error = (a - b).square().flatten(1).mean(1)  # [B]
    return (10 * torch.log10(255**2 / error)).to(at_least_float32(x).dtype)


def ssim(x: Tensor, y: Tensor, channel: Channel = "rgb", border: int = 0) -> Tensor:
    """Structural similarity, at most 1, with whole Gaussian windows of 11 pixels and sigma 1.5; see `structural.ssim`.

    channel: rgb, the mean over the channels of the values as they are (for the SSIM of files, round the images first),
    or y, the luma of the 8-bit levels, with c1 = (0.01 255)^2 and c2 = (0.03 255)^2, in float64; border: how many
    pixels at each side don't count.
    """
    a, b = _inner(x, border), _inner(y, border)
    if channel == "rgb":
        return structural.ssim(a, b)
    a, b = (luma(to_8_bit(image)) / 127.5 - 1 for image in (a, b))  # of [0, 255], not of [16, 235]
    return structural.ssim(a, b).to(at_least_float32(x).dtype)


def _inner(image: Tensor, border: int) -> Tensor:
    """The image without `border` pixels at each side."""
    at_least(0).check("border", border)
    height, width = image.shape[-2:]
    if min(height, width) <= 2 * border:
        raise InputError(f"border={border} leaves nothing of images of {height} x {width} pixels")
    return image[..., border : height - border, border : width - border]


class _OfChannels(nn.Module):
    """A metric of all channels or of luma, without a border."""

    higher_is_better: ClassVar[bool] = True
    partners: ClassVar[bool] = True

    def __init__(self, channel: Channel = "rgb", border: Border = 0) -> None:
        super().__init__()
        check_limits(self, border=border)
        self.channel = channel
        self.border = border
        self.check = InputCheck()

    def extra_repr(self) -> str:
        return f"channel={self.channel}, border={self.border}"


class PSNR(_OfChannels):
    """Peak signal-to-noise ratio in dB; see `psnr`."""

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return psnr(x, y, self.channel, self.border)


class SSIM(_OfChannels):
    """Structural similarity, at most 1, with whole windows of 11 pixels; see `ssim`."""

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.check(x=x, y=y)
        return ssim(x, y, self.channel, self.border)


class L1(nn.Module):
    """mean |x - y| of each pair, on [-1, 1]."""

    higher_is_better: ClassVar[bool] = False
    partners: ClassVar[bool] = True

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
    partners: ClassVar[bool] = True

    def __init__(self, net: perceptual.Backbone = "alex", pretrained: bool = True) -> None:
        super().__init__()
        self.loss = perceptual.LPIPS(net, pretrained)

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss.distances(x, y)


METRICS: dict[str, type[nn.Module]] = {"psnr": PSNR, "ssim": SSIM, "l1": L1, "lpips": LPIPS}
