"""A stand-in for CUDA's recordings where there is no GPU."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from advloss.training.fast.step import FastStep


class StandIn:
    """Does what `devices.Recording` does, by running the recorded Python each time as it stood when it was recorded.

    As with CUDA: while it is recorded nothing happens to tensors; when it is played, where the clock stands and what
    Python has settled since does not matter, and is left alone.
    """

    def __init__(self, executor: FastStep) -> None:
        self.executor = executor
        self.made = 0
        self.plays = 0

    def __call__(self, function: Callable[..., Any], inputs: Sequence[Tensor], pool: Any = None) -> Callable[..., Any]:
        self.made += 1
        settled = self._settled()
        tensors = self._tensors()
        random, kept = torch.get_rng_state(), [tensor.clone() for tensor in tensors]
        function(*[x.clone() for x in inputs])
        assert len(tensors) == len(self._tensors()), "a tensor was made while the iteration was recorded"
        for tensor, before in zip(tensors, kept, strict=True):
            tensor.detach().copy_(before)
        torch.set_rng_state(random)

        def play(*images: Tensor) -> Any:
            self.plays += 1
            now = self._settled()
            self._set(settled)
            result = function(*images)
            self._set(now)
            return result

        return play

    def _tensors(self) -> list[Tensor]:
        """All that an iteration may change."""
        modules = [self.executor.method, self.executor.terms, self.executor.weighting]
        modules += [self.executor.average.module] if self.executor.average else []
        found = [tensor for module in modules for tensor in [*module.parameters(), *module.buffers()]]
        for player in self.executor.players.values():
            found += [t for state in player.optimizer.state.values() for t in state.values() if isinstance(t, Tensor)]
        return found

    def _settled(self) -> tuple[int, dict, list, dict]:
        executor = self.executor
        return (
            executor.clock.iteration,
            dict(executor.weights),
            list(executor.learning),
            dict(executor.weighting.weights),
        )

    def _set(self, settled: tuple[int, dict, list, dict]) -> None:
        executor = self.executor
        executor.clock.iteration, executor.weights, executor.learning, executor.weighting.weights = settled
