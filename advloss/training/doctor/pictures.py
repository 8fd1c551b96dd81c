"""Measures of a batch of fakes beside its real images. Each is a tensor on the batch's device; nothing waits for it."""

import torch
import torch.nn.functional as F
from torch import Tensor

THUMB = 16
"""The side in pixels of the thumbnails between which distances are taken."""
EDGE = 0.99
"""A value in [-1, 1] counts as saturated beyond it."""
PERIOD = 8
"""In pixels, of the patterns that `checkerboard` finds: 2, 4 and 8."""


def thumbnails(x: Tensor) -> Tensor:
    """[B, C, H, W] or [B, F] -> vectors [B, D] in float32: of an image its means over 16 x 16 places."""
    x = x.detach().float()
    return F.adaptive_avg_pool2d(x, THUMB).flatten(1) if x.ndim == 4 and min(x.shape[2:]) > THUMB else x.flatten(1)


def distance_among(vectors: Tensor) -> Tensor:
    """The root of the mean squared distance between two different ones of the vectors, [B, D] with B > 1 -> [].

    Per entry of a vector. It is sqrt(2) times their standard deviation, with B - 1 in the denominator.
    """
    return (2 * vectors.var(0, correction=1).mean()).sqrt()


def saturated(x: Tensor) -> Tensor:
    """The share of the values of images in [-1, 1] that are beyond +-0.99: []."""
    return (x.detach().abs() > EDGE).float().mean()


def checkerboard(x: Tensor) -> Tensor:
    """How much of the fine detail of images [B, C, H, W] is one pattern that repeats each 8 pixels, in [0, 1]: [].

    The detail is what a blur over 3 x 3 pixels takes away. Its mean over all cells of 8 x 8 pixels is the pattern; the
    result is the pattern's energy over the detail's, where the part that chance has in it is taken off. Layers that
    enlarge unevenly leave such a pattern at the same place in each image (Odena, Dumoulin, Olah 2016,
    doi:10.23915/distill.00003). 0 where an image is smaller than 16 pixels.
    """
    x = x.detach().float()
    height, width = (side // PERIOD * PERIOD for side in x.shape[2:])
    if min(height, width) < 2 * PERIOD:
        return x.new_zeros(())
    detail = x - F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    detail = detail[..., :height, :width]
    cells = detail.reshape(*x.shape[:2], height // PERIOD, PERIOD, width // PERIOD, PERIOD)
    pattern = cells.mean((0, 2, 4))  # [C, 8, 8]
    number = x.shape[0] * cells.shape[2] * cells.shape[4]
    share = pattern.square().mean() / detail.square().mean().clamp(min=1e-12)
    return ((share - 1 / number) / (1 - 1 / number)).clamp(min=0)


def of_real(x: Tensor) -> dict[str, Tensor]:
    """The smallest and the largest value of images, and their standard deviation."""
    x = x.detach().float()
    low, high = torch.aminmax(x)
    return {"low": low, "high": high, "contrast": x.std(correction=0)}
