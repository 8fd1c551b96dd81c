"""The memory budget: how large a tile may be, and how many go through the network at once."""

from torch import nn

from advloss.inference.tiles.peak_memory import MARGIN, budget, peak_bytes
from advloss.inference.tiles.receptive_field import device_of
from advloss.networks.layers.padding import padded_side

FULL = 1 << 19
"""Input pixels of a pass that keep a GPU busy. Larger batches and recordings of larger passes would save no time.

It is an estimate: a layer of 64 channels then takes about 0.1 ms on an H100, ten times as long as starting it.
"""


class MemoryBudget:
    """Decides what fits into memory for one network. Each size is measured once, so that its decision does not change.

    network: as it runs on a tile, with self-ensemble if that is on. channels: of a tile. half: whether it runs in 16
    bits.
    """

    def __init__(self, network: nn.Module, channels: int = 3) -> None:
        self.network = network
        self.channels = channels
        self._shares: dict[tuple[int, int, bool], float] = {}
        self._several = self._closed = False

    def share(self, height: int, width: int, half: bool) -> float:
        """The part of the free memory that a tile of height x width input pixels takes; above 1 it does not fit."""
        key = height, width, half
        if key not in self._shares:
            sides = padded_side(self.network, height), padded_side(self.network, width)
            needed = peak_bytes(self.network, *sides, self.channels) * MARGIN * (0.6 if half else 1)
            self._shares[key] = needed / max(budget(device_of(self.network)), 1)
        return self._shares[key]

    def fits(self, height: int, width: int, half: bool) -> bool:
        """Whether the network's tensors for such a tile fit into the free memory."""
        return self.share(height, width, half) <= 1

    def together(self, height: int, width: int, half: bool) -> int:
        """How many tiles of this size to put into one batch, so that they fit and a GPU is busy: at least 1."""
        useful = FULL // (height * width)
        if useful <= 1 or self._closed:
            return 1
        number = max(min(useful, int(1 / self.share(height, width, half))), 1)
        self._several |= number > 1
        return number

    def close(self) -> bool:
        """From now on tiles are not batched. Gives whether they were before."""
        gave_up = self._several and not self._closed
        self._closed = True
        return gave_up
