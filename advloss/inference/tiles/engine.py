"""A network for tiles: its measured properties, how many tiles it takes at once, and its recordings."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from advloss.inference.tiles.cuda_graphs import Recordings, is_plain
from advloss.inference.tiles.memory_budget import MemoryBudget
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.precision import certainly_accurate, half_for
from advloss.inference.tiles.receptive_field import device_of, norm_calls, sight
from advloss.inference.tiles.self_ensemble import SelfEnsemble
from advloss.networks.layers.basic import Dropout

BATCHED = ("cuda",)
"""Devices on which several tiles are one batch; on a CPU that is not faster."""


def ignore(*_: object) -> None:
    """A `say` that shows nothing."""


class Engine:
    """A network and its properties, each measured once. Arguments: those of `Tiler`."""

    def __init__(
        self,
        network: nn.Module,
        options: TileOptions,
        *,
        channels: int,
        say: Callable[[str], None],
        tick: Callable[[int, int], None],
        seed: int,
    ) -> None:
        self.network = network.eval()
        self.runs = SelfEnsemble(network) if options.ensemble else network
        self.scale = int(getattr(network, "scale", 1))
        self.options = options
        self.channels = channels
        self.tick = tick
        self.seed = seed
        self._say = say
        self._said: set[str] = set()
        self._accurate: dict[torch.dtype, bool] = {}
        self.budget = MemoryBudget(self.runs, channels)
        self.recordings = Recordings(self.budget)

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return device_of(self.network)

    @functools.cached_property
    def _sight(self) -> tuple[int | None, int]:
        return sight(self.network, self.noisy, self.channels)

    @property
    def reach(self) -> int | None:
        """The reach of the receptive field in input pixels, without norms' statistics; None: the whole image."""
        return self._sight[0]

    @property
    def step(self) -> int:
        """The grid on which the network computes, in input pixels. Starts and sides of tiles are multiples of it."""
        return self._sight[1]

    @functools.cached_property
    def norm_calls(self) -> int:
        """How many norms take statistics of the image."""
        return norm_calls(self.network, self.channels)

    def half(self, image: Tensor, depth: int) -> torch.dtype | None:
        """The 16-bit type in which it runs an image [1, C, H, W]; None: float32. depth: bits a channel of its file."""
        if self.options.precision == "auto" and depth > 8:
            return None
        return half_for(self.options.precision, self.network, image, self._certain)

    def _certain(self, half: torch.dtype) -> bool:
        """Whether the network is so accurate in this type that no image has to be looked at. Measured once."""
        if half not in self._accurate:
            self._accurate[half] = certainly_accurate(self.network, half, self.channels)
        return self._accurate[half]

    @functools.cached_property
    def noisy(self) -> bool:
        """Whether dropout stays on at inference."""
        return any(
            isinstance(layer, Dropout) and layer.at_inference and layer.p > 0 for layer in self.network.modules()
        )

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether passes may be recorded and tiles batched: the network has no noise, and only known layers."""
        return not self.noisy and is_plain(self.network)

    def together(self, height: int, width: int, half: bool) -> int:
        """How many tiles of this size, in input pixels, go through the network at once, at most."""
        several = self.device.type in BATCHED and self.is_plain
        return self.budget.together(height, width, half) if several else 1

    def say_once(self, words: str) -> None:
        """Shows a sentence to the user, once."""
        if words not in self._said:
            self._said.add(words)
            self._say(words)
