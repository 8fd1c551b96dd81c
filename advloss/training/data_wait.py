"""The part of the time in which the device waits for data, measured without waiting for the device."""

import time
from collections.abc import Iterator
from typing import TypeVar

import torch

Batch = TypeVar("Batch")
MUCH = 0.05
"""Fraction of the time above which a user is told."""


class DataWait:
    """Takes the batches of an iteration, and measures for how long the device has nothing to do meanwhile.

    On the CPU this is the whole time that it takes to get the batches. A GPU may still compute the last iteration, so
    an event is recorded after each iteration. If the event has passed when the batches are there, the whole time
    counts; else none of it. So this is an upper bound. The time of copies to the GPU is not included: they begin two
    batches earlier.
    """

    def __init__(self, device: torch.device) -> None:
        self.event = torch.cuda.Event() if device.type == "cuda" else None
        self.intervals = 0
        self.said = False

    def take(self, batches: Iterator[Batch], count: int) -> tuple[list[Batch], float]:
        """The next `count` batches, and the seconds that the device waited for them."""
        began = time.perf_counter()
        taken = [next(batches) for _ in range(count)]
        waited = time.perf_counter() - began if self.event is None or self.event.query() else 0.0
        return taken, waited

    def played(self) -> None:
        """Call it after each iteration, when all its work has been given to the device."""
        if self.event is not None:
            self.event.record()

    def warning(self, share: float, faster: str) -> str | None:
        """A sentence for the user, or None. Call it after each interval of the log. It gives one sentence at most, and
        none for the first interval, in which loading starts.

        share: the fraction of the interval that was spent waiting. faster: the advice, from `Loader.faster`.
        """
        self.intervals += 1
        if self.said or self.intervals == 1 or not share > MUCH:
            return None
        self.said = True
        return f"{share:.0%} of the time is spent waiting for pictures (data_wait in log.jsonl): {faster}"
