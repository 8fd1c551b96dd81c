"""A batch of any channels as RGB pictures, which is what backbones were trained on."""

import warnings

import torch.nn.functional as F
from torch import Tensor


def pictures_in(network: str, channels: int) -> int:
    """How many RGB pictures stand for one item of so many channels.

    A multiple of three are RGB pictures, as those of an image and its condition. Of others each channel is a grey one,
    which is repeated three times; it warns of that.
    """
    if channels % 3 == 0:
        return channels // 3
    if channels == 1:
        said = "the one channel is repeated three times, since its backbone was trained on RGB"
    else:
        said = f"each of the {channels} channels is a grey picture for its backbone, which was trained on RGB"
    warnings.warn(f"{network}: {said}", stacklevel=3)
    return channels


def as_pictures(x: Tensor, count: int) -> Tensor:
    """[B, C, H, W] -> [B * count, 3, H, W], `count` of `pictures_in`; a grey one is repeated three times."""
    each = x.shape[1] // count
    return x.reshape(-1, each, *x.shape[2:]).expand(-1, 3, -1, -1)


def joined(seen: Tensor, count: int) -> Tensor:
    """What a backbone made of each of `count` pictures, on the channel axis: [B * count, C, *] -> [B, count * C, *]."""
    return seen.reshape(-1, count * seen.shape[1], *seen.shape[2:])


def resized(x: Tensor, smallest: int, multiple: int) -> Tensor:
    """Each side to the nearest multiple of `multiple`, at least `smallest`, bilinearly; both in pixels."""
    sides = [max(smallest, (side + multiple // 2) // multiple * multiple) for side in x.shape[2:]]
    return x if [*x.shape[2:]] == sides else F.interpolate(x, sides, mode="bilinear")
