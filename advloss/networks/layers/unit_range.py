"""Images in [0, 1], for which published super-resolution weights are. Outside of a network images are in [-1, 1]."""

import torch
from torch import Tensor


def to_unit(x: Tensor) -> Tensor:
    """Converts images from [-1, 1] to [0, 1]."""
    return (x + 1) / 2


def from_unit(y: Tensor, dtype: torch.dtype) -> Tensor:
    """Converts images from [0, 1] to [-1, 1], in `dtype`: under autocast the input's, to round once, not twice."""
    return y.to(dtype) * 2 - 1
