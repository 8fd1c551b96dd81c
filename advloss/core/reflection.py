"""Tensors continued by reflection: mirrored at their ends, without repeating the edge."""

import torch
from torch import Tensor


def mirrored_indices(length: int, before: int, after: int, device: torch.device) -> Tensor:
    """Indices 0..length-1 with `before` more in front and `after` more behind, reflected as often as it takes.

    Returns int64 [before + length + after].
    """
    period = max(2 * (length - 1), 1)
    index = torch.arange(-before, length + after, device=device) % period
    return torch.where(index < length, index, period - index)


def reflected(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """`x` with `before` and `after` more entries along an axis, as `F.pad(x, ..., mode="reflect")`, for any length.

    Two index selections, whose gradient is deterministic on CUDA, where that of `F.pad` is not.
    """
    return x.index_select(axis, mirrored_indices(x.shape[axis], before, after, x.device))
