"""Any image size through a network that needs multiples: mirrored at the right and bottom edge, cropped back."""

import torch
from torch import Tensor, nn


def mirrored(length: int, padded: int, device: torch.device) -> Tensor:
    """Indices 0..length-1 continued to `padded` entries by reflection (edge not repeated), however small `length`."""
    period = max(2 * (length - 1), 1)
    index = torch.arange(padded, device=device) % period
    return torch.where(index < length, index, period - index)  # [padded]


def apply_padded(network: nn.Module, image: Tensor) -> Tensor:
    """The network's output for an image of any size, cropped to that size.

    image: [B, C, H, W]; its height and width become multiples of `network.multiple` and at least `network.smallest`
    (1 where a network has no such attribute).
    """
    multiple, smallest = (int(getattr(network, name, 1)) for name in ("multiple", "smallest"))
    height, width = image.shape[-2:]
    rows, columns = (-(-max(side, smallest) // multiple) * multiple for side in (height, width))
    padded = image
    if rows != height:
        padded = padded.index_select(-2, mirrored(height, rows, image.device))
    if columns != width:
        padded = padded.index_select(-1, mirrored(width, columns, image.device))
    output: Tensor = network(padded)  # [B, C, rows, columns]
    return output[..., :height, :width]
