"""Any image size through a network that needs multiples: mirrored at the right and bottom edge, cropped back."""

import torch
from torch import Tensor, nn


def mirrored(length: int, padded: int, device: torch.device) -> Tensor:
    """Indices 0..length-1 continued to `padded` entries by reflection (edge not repeated), however small `length`."""
    period = max(2 * (length - 1), 1)
    index = torch.arange(padded, device=device) % period
    return torch.where(index < length, index, period - index)  # [padded]


def padded_side(network: nn.Module, side: int) -> int:
    """The least side, in pixels, that the network takes and that holds `side`.

    A multiple of `network.multiple`, and at least `network.smallest` (1 where a network has no such attribute).
    """
    multiple, smallest = (int(getattr(network, name, 1)) for name in ("multiple", "smallest"))
    return -(-max(side, smallest) // multiple) * multiple


def apply_padded(network: nn.Module, image: Tensor) -> Tensor:
    """The network's output for an image of any size, cropped to that size times the network's scale.

    image: [B, C, H, W], mirrored up to what `padded_side` says. Gives [B, C', H * scale, W * scale], where scale is
    `network.scale` (output pixels per input pixel along an axis; 1 where a network has no such attribute).
    """
    scale = int(getattr(network, "scale", 1))
    height, width = image.shape[-2:]
    rows, columns = padded_side(network, height), padded_side(network, width)
    padded = image
    if rows != height:
        padded = padded.index_select(-2, mirrored(height, rows, image.device))
    if columns != width:
        padded = padded.index_select(-1, mirrored(width, columns, image.device))
    output: Tensor = network(padded)  # [B, C', rows * scale, columns * scale]
    return output[..., : height * scale, : width * scale]
