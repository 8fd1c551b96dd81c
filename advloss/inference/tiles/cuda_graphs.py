"""CUDA graphs for passes that are repeated with the same shape, and cuDNN's search for algorithms.

For a small pass, to start its kernels takes longer than to run them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from advloss.core.devices import Recording
from advloss.core.memory import out_of_memory
from advloss.inference.tiles.memory_budget import FULL, MemoryBudget

DEVICES = ("cuda",)
"""Devices on which both are faster."""
TIMES = 3
"""Which pass of a shape is recorded: at the third, libraries have chosen their algorithms."""
KEPT = 4
"""How many recordings are kept; a further one replaces the least recently used. They share their memory."""
SHARE = 0.25
"""A pass is recorded only if it takes at most this part of the free memory, since a recording keeps its memory."""
MANY = 16
"""From this number of passes of one shape, cuDNN's search for the fastest algorithm saves time."""
MAKERS = ("advloss", "torch")
"""Packages whose layers have no state between passes, and treat each image of a batch separately.

Others' layers (spandrel's) may keep masks and tables for the last size, and a recording would go on reading them.
"""


def is_plain(network: nn.Module) -> bool:
    """Whether a network is made of layers of MAKERS alone."""
    return all(type(module).__module__.split(".")[0] in MAKERS for module in network.modules())


class Recordings:
    """Runs passes through one network, and records those that are repeated.

    A pass that can't be recorded runs normally. Memory estimates count the recordings' memory as free, since recordings
    are the first thing that is released (`close`) if memory runs out.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._kept: dict[object, Recording[Tensor]] = {}  # the last used is the last
        self._times: Counter[object] = Counter()
        self._places: list[int] = []
        self._closed = False

    def __call__(self, run: Callable[[Tensor], Tensor], tiles: Tensor, half: torch.dtype | None) -> Tensor:
        """run(tiles) for tiles [n, C, h, w]; the result is valid until the next call.

        run: must be the same function for all tiles of one shape and `half` (see `advloss.core.devices.Recording`).
        """
        # with cuDNN's search on, the passes before the recorded one must have been searched for
        key = tuple(tiles.shape), half, torch.backends.cudnn.benchmark
        if key not in self._kept and self._is_due(key, tiles, half is not None):
            self._record(key, run, tiles)
        if key not in self._kept:
            return run(tiles)
        self._kept[key] = self._kept.pop(key)
        return self._kept[key](tiles)

    def begin(self) -> None:
        """Drops all recordings if the weights were moved since the last call, since recordings read the old memory."""
        network = self._budget.network
        places = [tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())]
        if places != self._places:
            self._places = places
            self._kept.clear()
            self._times.clear()

    def close(self) -> bool:
        """Drops all recordings, and records no more. Gives whether there were any."""
        held = bool(self._kept)
        self._kept.clear()
        self._closed = True
        return held

    def _is_due(self, key: object, tiles: Tensor, half: bool) -> bool:
        """Whether to record this pass. A recording that failed or was replaced is not made again."""
        number, _, height, width = tiles.shape
        if self._closed or not _records(tiles.device) or number * height * width > FULL:
            return False
        self._times[key] += 1
        return self._times[key] == TIMES and number * self._budget.share(height, width, half) <= SHARE

    def _record(self, key: object, run: Callable[[Tensor], Tensor], tiles: Tensor) -> None:
        pool = next((recording.pool for recording in self._kept.values()), None)
        short = False
        try:
            made = Recording(run, [tiles], pool=pool)
        except Exception as error:  # torch and CUDA raise many types for what can't be recorded
            short = out_of_memory(error)
        else:
            if len(self._kept) == KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        if short:
            self.close()


def _records(device: torch.device) -> bool:
    """Whether a device records: of several GPUs the current one, on whose streams graphs are recorded."""
    elsewhere = device.type == "cuda" and device.index not in (None, torch.cuda.current_device())
    return device.type in DEVICES and not elsewhere


@contextmanager
def tuned(device: torch.device, passes: int) -> Iterator[None]:
    """A context in which cuDNN searches for the fastest algorithm of each layer, if enough passes of one shape follow.

    It does not search if deterministic algorithms are asked for, since two searches may choose differently.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    fixed = cudnn.deterministic or torch.are_deterministic_algorithms_enabled()
    if device.type in DEVICES and passes >= MANY and not fixed:
        cudnn.benchmark = True
    try:
        yield
    finally:
        cudnn.benchmark = before
