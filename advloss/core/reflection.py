"""Padding by reflection, which mirrors the values at the ends of an axis without repeating the last one, or by
repetition of the last one."""

import torch
from torch import Tensor


def mirrored_indices(length: int, before: int, after: int, device: torch.device) -> Tensor:
    """Indices 0..length-1 with `before` mirrored ones in front and `after` mirrored ones at the end.

    Where `before` or `after` is larger than the length, they are mirrored several times.
    Returns int64 [before + length + after].
    """
    period = max(2 * (length - 1), 1)
    index = torch.arange(-before, length + after, device=device) % period
    return torch.where(index < length, index, period - index)


def reflected(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """`x` with `before` and `after` more entries along an axis, as `F.pad(x, ..., mode="reflect")`, for any length.

    It is an index selection, whose gradient is deterministic on CUDA; that of `F.pad` is not.
    """
    return x.index_select(axis, mirrored_indices(x.shape[axis], before, after, x.device))


def repeated(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """`x` with its first entry `before` times more and its last one `after` times more, along an axis.

    As `F.pad(x, ..., mode="replicate")`. Its gradient is deterministic on CUDA, as that of `reflected`.
    """
    length = x.shape[axis]
    return x.index_select(axis, torch.arange(-before, length + after, device=x.device).clamp(0, length - 1))
