"""How much memory a network needs for a tile, and how much is free."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from advloss.core.memory import available_memory
from advloss.inference.tiles.receptive_field import device_of, without_a_trace
from advloss.networks.layers.padding import padded_side

MARGIN = 1.3
"""Memory needed over that of the tensors: for scratch space of convolutions and for fragmentation."""
CPU_MOST = 4 << 30
"""Bytes that a tile may take on a CPU, however many are free.

With a network of 12 kB a pixel (Real-ESRGAN x4plus) a tile then has 520 pixels a side, and an overlap of 64 pixels
makes the work 1.8 times as much; with 2 GiB it would be 2.4 times, with 8 GiB 1.6 times.
"""


def budget(device: torch.device) -> int:
    """Bytes that a tile may take on the device: most of what a GPU has free, on a CPU half of it up to CPU_MOST."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(0.8 * (torch.cuda.mem_get_info(device)[0] + unused))
    return min(available_memory() // 2, CPU_MOST)


@torch.inference_mode()
def peak_bytes(network: nn.Module, height: int, width: int, channels: int = 3) -> int:
    """The peak of the bytes of all tensors, without weights, while the network works on a float32 image of a size.

    The network runs on the meta device, which computes nothing. If it can't, it runs on a small image, and the result
    is scaled up.
    """
    weights = [*network.named_parameters(), *network.named_buffers()]
    try:
        state = {name: torch.empty_like(value, device="meta") for name, value in weights}
        shape = 1, channels, height, width
        call = functools.partial(torch.func.functional_call, network, state)
        return _live_bytes(lambda image: call((image,)), shape, "meta")
    except Exception:  # networks that read a tensor's values raise many types
        side = padded_side(network, 64)
        with without_a_trace(device_of(network)):
            part = _live_bytes(network, (1, channels, side, side), device_of(network))
        return part * height * width // side**2


def _live_bytes(run: Callable[[Tensor], Any], shape: tuple[int, ...], device: torch.device | str) -> int:
    with LiveBytes() as live:
        run(torch.zeros(shape, device=device))
    return live.peak


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors made within it that are still alive: `now`, and at most `peak`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: dict[int, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler for the first operation, which takes a second

    def add(self, tensor: Tensor) -> None:
        """Counts a tensor's memory, once for all its views."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._seen:
            return
        self._seen[key] = storage.nbytes()
        self.now += self._seen[key]
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self.now -= self._seen.pop(key)

    def __torch_dispatch__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor):
                self.add(value)
        return made
