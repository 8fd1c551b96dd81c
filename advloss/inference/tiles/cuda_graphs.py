"""CUDA graphs of passes that come again and again in one shape on a GPU, and cuDNN's search for algorithms.

A small pass costs more to start, layer by layer, than to run.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from advloss.core.devices import Recording
from advloss.inference.tiles.memory_budget import FULL, MemoryBudget
from advloss.inference.tiles.peak_memory import out_of_memory

DEVICES = ("cuda",)
"""Devices on which both are faster."""
TIMES = 3
"""The pass of a shape that is recorded: by then libraries have chosen their algorithms for it."""
KEPT = 4
"""Recordings that are kept; a further one replaces the one unused for longest. They share their memory."""
SHARE = 0.25
"""The part of the free memory that a pass may take to be recorded: a recording holds it for as long as it is kept."""
MANY = 16
"""Passes of one shape from which cuDNN's search for the fastest algorithm is worth its time."""
MAKERS = ("advloss", "torch")
"""Packages whose layers keep nothing from one pass for the next, and take the images of a batch each by itself.

Others' (spandrel's) may hold masks and tables for the size they saw last, which a recording would go on reading.
"""


def is_plain(network: nn.Module) -> bool:
    """Whether a network is made of layers of MAKERS alone."""
    return all(type(module).__module__.split(".")[0] in MAKERS for module in network.modules())


class Recordings:
    """Passes through one network, of which those that come up again are recorded and played.

    Where a pass can't be recorded it goes on as it is. The memory estimates count what recordings hold as free, since
    they are given up (`close`) before anything else where memory runs out.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._kept: dict[object, Recording[Tensor]] = {}  # the last used is the last
        self._times: Counter[object] = Counter()
        self._places: list[int] = []
        self._closed = False

    def __call__(self, run: Callable[[Tensor], Tensor], tiles: Tensor, half: torch.dtype | None) -> Tensor:
        """What `run` makes of tiles [n, C, h, w]: good until the next call.

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
        """Forgets all if the weights have moved since the last call: recordings read them where they were."""
        network = self._budget.network
        places = [tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())]
        if places != self._places:
            self._places = places
            self._kept.clear()
            self._times.clear()

    def close(self) -> bool:
        """Gives up what is recorded, and records no more. Whether there was anything to give up."""
        held = bool(self._kept)
        self._kept.clear()
        self._closed = True
        return held

    def _is_due(self, key: object, tiles: Tensor, half: bool) -> bool:
        """Whether to record this pass. Each is tried once: what failed, or was replaced, is not recorded again."""
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
        except Exception as error:  # whatever torch and CUDA raise for what a recording can't hold
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
    """Within it cuDNN searches for the fastest algorithm of each layer, where so many passes of one shape follow.

    Not where the user asks for deterministic algorithms: two searches may end differently.
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
