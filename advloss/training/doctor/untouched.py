"""Calls of modules in training mode that leave nothing behind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from advloss.core.call_batching import compiled


@contextmanager
def untouched(modules: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """A context in which calls of the modules change neither their buffers nor a random state, and compile nothing.

    Calls within see clones of the buffers: running statistics, vectors of spectral norm, counts of codes. The buffers
    themselves stay at their place in memory, where a CUDA graph reads them. Does not wait for the device.
    """
    parts = {id(part): part for module in modules for part in module.modules()}.values()
    kept = [(part, dict(part._buffers)) for part in parts]
    eager = any(compiled(module) for module in modules)
    uncompiled = torch.compiler.set_stance("force_eager") if eager else nullcontext()  # it takes seconds to import
    with torch.random.fork_rng([device] if device.type == "cuda" else []), uncompiled:
        try:
            clones: dict[int, torch.Tensor] = {}  # a buffer that two parts share stays shared
            for part, buffers in kept:
                for name, buffer in buffers.items():
                    if buffer is not None:
                        part._buffers[name] = clones.setdefault(id(buffer), buffer.clone())
            yield
        finally:
            for part, buffers in kept:
                part._buffers.clear()
                part._buffers.update(buffers)
