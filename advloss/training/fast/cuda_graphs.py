"""Plays iterations as CUDA graphs: each kind of iteration is recorded once, and then runs without Python."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from advloss.core import distributed
from advloss.core.clock import timed
from advloss.core.devices import Recording
from advloss.core.errors import InputError

Batch = Mapping[str, Tensor]
WARM_UP = 3
"""How many iterations of a kind run before one is recorded. They make buffers, compile networks, choose algorithms."""
MOST = 8
"""The largest number of recordings. Iterations of further kinds are not recorded."""
REMEMBERED = 256
"""How many kinds are counted at most. If a number changes in each iteration, each iteration is a kind of its own."""


@dataclass
class Recorded:
    """A recorded iteration, and the factors of the losses that it computes."""

    play: Callable[..., dict[str, Tensor]]
    factors: dict[str, Tensor | float]


class CudaGraphs:
    """Plays `FastStep.steps`, from a recording if possible.

    The kind of an iteration is all that Python decides in it: which terms count and their weights, whether a lazy
    penalty is due (`Timed.phase`), the shapes of the batches. The first iterations of a kind are not recorded, nor is
    one that needs Python, such as a logit check. After a recording has failed, no iteration is recorded, and `say`
    shows why.

    record: makes a recording; tests without a GPU give another function.
    """

    def __init__(
        self, executor: Any, say: Callable[[str], None], record: Callable[..., Callable[..., Any]] = Recording
    ) -> None:
        self.executor = executor
        self.say = say
        self.record = record
        self.works = True
        self.timed = [*timed(executor.method), *timed(executor.weighting)]
        self.timed_of = {name: list(timed(term)) for name, term in executor.by_name.items()}
        self.seen: Counter[Hashable] = Counter()
        self.recorded: dict[Hashable, Recorded] = {}
        self.pool: Any = None
        self.side_stream = torch.cuda.Stream(executor.device) if executor.device.type == "cuda" else None

    @classmethod
    def made(cls, executor: Any, asked: str, say: Callable[[str], None]) -> "CudaGraphs | None":
        """The object that `train.graphs` asks for, or None. `auto` is `on` with a GPU and one process.

        Raises InputError for `on` if graphs can't be used here.
        """
        reason = None
        if executor.device.type != "cuda":
            reason = f"CUDA graphs are a GPU's, and this runs on {executor.device}"
        elif distributed.world_size() > 1:
            reason = "iterations of several processes are not recorded"
        if reason and asked == "on":
            raise InputError(f"train.graphs=on: {reason}; use off or auto")
        return None if reason or asked == "off" else cls(executor, say)

    def play(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Plays the iteration that has begun. Gives what `FastStep.steps` gives."""
        kind = self._kind(batches) if self.works else None
        if kind in self.recorded:
            return self._again(self.recorded[kind], batches)
        if kind is None or self.seen[kind] < WARM_UP or len(self.recorded) == MOST:
            if len(self.seen) >= REMEMBERED:
                self.seen.clear()
            self.seen[kind] += 1
            return self._plainly(batches)
        return self._first(kind, batches)

    def _kind(self, batches: Sequence[Batch]) -> Hashable:
        """The kind of the iteration that has begun; None if it can't be recorded."""
        at_work = dict.fromkeys([*self.executor.weights, *self.executor.learning])  # terms that have not started wait
        parts = [*self.timed, *(part for name in at_work for part in self.timed_of[name])]
        phases = [part.phase(self.executor.clock.iteration) for part in parts]
        if self.executor.phase is None or None in phases:
            return None
        shapes = tuple((name, image.shape, image.dtype) for batch in batches for name, image in batch.items())
        return self.executor.phase, tuple(phases), shapes

    def _plainly(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Plays an iteration without recording, on a stream of its own: only what runs there can be recorded later."""
        if self.side_stream is None:
            return self.executor.steps(batches)
        main = torch.cuda.current_stream(self.executor.device)
        self.side_stream.wait_stream(main)
        with torch.cuda.stream(self.side_stream):
            losses = self.executor.steps(batches)
        main.wait_stream(self.side_stream)
        return losses

    def _first(self, kind: Hashable, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Records an iteration, and then plays the recording."""
        fields = [list(batch) for batch in batches]

        def steps(*images: Tensor) -> dict[str, Tensor]:
            given = iter(images)
            return self.executor.steps([{name: next(given) for name in names} for names in fields])

        try:
            recording = self.record(steps, _images(batches), pool=self.pool)
        except Exception as error:  # torch and the recipe's parts raise many types where they can't be recorded
            self._give_up(error)
            return self._plainly(batches)
        self.pool = self.pool or getattr(recording, "pool", None)
        self.recorded[kind] = Recorded(recording, dict(self.executor.weighting.latest))
        return recording(*_images(batches))  # a recording does not compute anything while it is made

    def _again(self, recorded: Recorded, batches: Sequence[Batch]) -> dict[str, Tensor]:
        losses = recorded.play(*_images(batches))
        self.executor.weighting.latest = dict(recorded.factors)
        return losses

    def _give_up(self, error: Exception) -> None:
        """Stops recording: all further iterations are played without CUDA graphs."""
        self.works = False
        for player in self.executor.players.values():
            player.optimizer.zero_grad(set_to_none=True)
        self.say(f"iterations are not recorded as CUDA graphs: {str(error).splitlines()[0]}")


def _images(batches: Sequence[Batch]) -> list[Tensor]:
    return [image for batch in batches for image in batch.values()]
