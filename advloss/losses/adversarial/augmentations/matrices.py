"""ADA's random changes as matrices: Karras et al. 2020b, arXiv:2006.06676, appendix B, with its strengths.

Each change is drawn for each sample, and stays the identity with probability 1 - p. No draw waits for the device.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def draw_warp(image: Tensor, p: Tensor) -> Tensor:
    """The matrices [B, 3, 3] from an output pixel to its place in the input, both in pixels from the middle.

    Blitting: mirrored (half of those drawn), rotated by a random multiple of 90 degrees, moved by up to 1/8 of the
    sides in whole pixels. Geometry: scaled by 2^N(0, 0.2), rotated by any angle, stretched by 2^N(0, 0.2) in x and its
    inverse in y, rotated again, moved by N(0, 1/8) of the sides. Each of these two rotations has a probability of its
    own, 1 - sqrt(1 - p), so that at least one of them happens with probability p.
    """
    height, width = image.shape[-2:]
    mirror = 1 - 2 * _drawn(_uniform(image).mul(2).floor(), p)
    quarter = _drawn(_uniform(image).mul(4).floor(), p) * (math.pi / 2)
    whole = _drawn((_uniform(image, 2) * 2 - 1) / 8, p)  # [B, 2]: x, y
    scale = torch.exp2(0.2 * _drawn(_normal(image), p))
    once = 1 - (1 - p).sqrt()
    first, second = (_drawn((_uniform(image) * 2 - 1) * math.pi, once) for _ in range(2))
    stretch = torch.exp2(0.2 * _drawn(_normal(image), p))
    anywhere = _drawn(_normal(image, 2) / 8, p)
    one = torch.ones_like(mirror)
    changes = [
        _scaling(mirror, one),
        _rotation(quarter),
        _translation((whole[:, 0] * width).round(), (whole[:, 1] * height).round()),
        _scaling(scale, scale),
        _rotation(first),
        _scaling(stretch, 1 / stretch),
        _rotation(second),
        _translation(anywhere[:, 0] * width, anywhere[:, 1] * height),
    ]
    result = changes[0]
    for change in changes[1:]:
        result = result @ change
    return result


def draw_colors(image: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix [B, C, C] and an offset [B, C, 1] for each pixel's channels, for images in [-1, 1].

    Brightness + N(0, 0.2), contrast * 2^N(0, 0.5), luma (the mean channel) negated for half of those drawn, hue turned
    by any angle around the luma axis, saturation * 2^N(0, 1). The last two for three channels only.
    """
    channels = image.shape[1]
    brightness = 0.2 * _drawn(_normal(image), p)  # [B]
    contrast = torch.exp2(0.5 * _drawn(_normal(image), p))
    identity = torch.eye(channels, device=image.device, dtype=image.dtype)
    matrix = contrast[:, None, None] * identity  # [B, C, C]
    luma = torch.full_like(identity, 1 / channels)  # onto the axis (1, ..., 1) / sqrt C
    flip = _drawn(_uniform(image).mul(2).floor(), p)[:, None, None]
    matrix = (identity - 2 * flip * luma) @ matrix
    if channels == 3:
        angle = _drawn((_uniform(image) * 2 - 1) * math.pi, p)[:, None, None]
        saturation = torch.exp2(_drawn(_normal(image), p))[:, None, None]
        across = (identity.roll(1, 0) - identity.roll(-1, 0)) / math.sqrt(3)  # the cross product with that axis
        hue = angle.cos() * identity + (1 - angle.cos()) * luma + angle.sin() * across
        matrix = (luma + saturation * (identity - luma)) @ hue @ matrix
    return matrix, matrix.sum(2, keepdim=True) * brightness[:, None, None]


def warped(x: Tensor, warp: Tensor) -> Tensor:
    """The images as `warp` shows them, bilinear: [B, C, H, W], [B, 3, 3] -> [B, C, H, W]. Beyond their borders they are
    mirrored at the middle of the outermost pixels, as the authors pad them."""
    height, width = x.shape[-2:]
    rows = torch.arange(height, device=x.device, dtype=x.dtype) - (height - 1) / 2
    columns = torch.arange(width, device=x.device, dtype=x.dtype) - (width - 1) / 2
    y, x_ = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack([x_, y, torch.ones_like(y)], -1).reshape(1, -1, 3)  # [1, H W, 3]
    source = (places @ warp.to(x.dtype).mT)[..., :2].reshape(-1, height, width, 2)
    grid = torch.stack([source[..., 0] * (2 / max(width - 1, 1)), source[..., 1] * (2 / max(height - 1, 1))], -1)
    return grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=True)


def _uniform(image: Tensor, *more: int) -> Tensor:
    return torch.rand(image.shape[0], *more, device=image.device, dtype=image.dtype)


def _normal(image: Tensor, *more: int) -> Tensor:
    return torch.randn(image.shape[0], *more, device=image.device, dtype=image.dtype)


def _drawn(values: Tensor, p: Tensor) -> Tensor:
    """Each sample's value with probability p, else 0: [B, ...]."""
    chosen = torch.rand(values.shape[:1], device=values.device, dtype=values.dtype) < p
    return values * chosen.reshape(-1, *[1] * (values.ndim - 1))


def _matrix(*rows: list[Tensor]) -> Tensor:
    """Two rows of [B] and a last of 0 0 1: [B, 3, 3]."""
    zero = torch.zeros_like(rows[0][0])
    return torch.stack([torch.stack(row, -1) for row in (*rows, [zero, zero, zero + 1])], 1)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    zero = torch.zeros_like(x)
    return _matrix([x, zero, zero], [zero, y, zero])


def _rotation(angle: Tensor) -> Tensor:
    zero, cos, sin = torch.zeros_like(angle), angle.cos(), angle.sin()
    return _matrix([cos, -sin, zero], [sin, cos, zero])


def _translation(x: Tensor, y: Tensor) -> Tensor:
    zero = torch.zeros_like(x)
    return _matrix([zero + 1, zero, x], [zero, zero + 1, y])
