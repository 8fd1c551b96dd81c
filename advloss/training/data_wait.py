"""What part of the time a device waits for data, told without ever waiting for the device."""

import time
from collections.abc import Iterator
from typing import TypeVar

import torch

Batch = TypeVar("Batch")
MUCH = 0.05
"""Fraction of the time beyond which a user is told."""


class DataWait:
    """Takes the batches of an iteration, and measures for how long the device had nothing to do meanwhile.

    On the CPU that is all of the time that they take. A GPU is still at the last iteration while the next one's
    batches are
    taken: an event stands behind each iteration, and only where it has passed when the batches are there, their time
    counts. All of it: an upper estimate, of what the host does. A copy still under way is not in it; it began two
    batches before.
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
        """To be called when an iteration's work has been handed to the device."""
        if self.event is not None:
            self.event.record()

    def warning(self, share: float, faster: str) -> str | None:
        """What to say after each interval, once: not of the first, in which batches start.

        share: of the interval's time that was waiting. faster: what can be done, as `Loader.faster` says it.
        """
        self.intervals += 1
        if self.said or self.intervals == 1 or not share > MUCH:
            return None
        self.said = True
        return f"{share:.0%} of the time is spent waiting for pictures (data_wait in log.jsonl): {faster}"
