"""Finds code that makes the host wait for the device."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
READS = (aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten._unique2)
"""Operations whose result, or whose result's shape, the host must know."""


class _NoReads(TorchDispatchMode):
    """What would wait if the tensors were on a device: a stand-in for CUDA's own check, which it can't replace."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket in READS or (func.overloadpacket is aten.index and _has_mask(args[1])):
            raise RuntimeError(f"{func} would wait for the device")
        return func(*args, **(kwargs or {}))


def _has_mask(indices: Sequence[torch.Tensor | None]) -> bool:
    return any(index is not None and index.dtype == torch.bool for index in indices)


@contextmanager
def no_waiting(device: torch.device) -> Iterator[None]:
    """Within it, an operation that waits for the device raises RuntimeError."""
    if device.type != "cuda":
        with _NoReads():
            yield
        return
    torch.cuda.synchronize(device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
