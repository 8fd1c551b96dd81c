"""How long a training takes, how much memory, and its end after so many minutes. It changes no iteration."""

import time
from collections.abc import Sequence

import torch

from advloss.core.memory import memory_taken
from advloss.core.words import duration

LOOKED_AT = (10, 20)
"""Between the ends of these iterations of a process its pace is measured: the first ones compile and fill caches."""
MINUTE, GIB = 60.0, 2**30


class Pace:
    """The time of one process's iterations.

    total: how many iterations there are in the end. done: how many were over when the process began. minutes: after
    which the training ends; None for none.
    """

    def __init__(self, device: torch.device, total: int, done: int, minutes: float | None) -> None:
        self.device = device
        self.total = total
        self.first = done
        self.minutes = minutes
        self.began = time.perf_counter()
        self.paused = 0.0
        self.looked: list[float] = []

    def over(self) -> bool:
        """Whether the minutes are over."""
        return self.minutes is not None and time.perf_counter() - self.began >= self.minutes * MINUTE

    def pause(self) -> None:
        """Stops the clock of the iterations until `resume` is called."""
        self.paused -= time.perf_counter()

    def resume(self) -> None:
        """Starts the clock of the iterations again, after `pause`."""
        self.paused += time.perf_counter()

    def plan(self, done: int) -> str | None:
        """After the 20th iteration of the process a sentence on the rest, else None. Call it after each iteration."""
        if done - self.first not in LOOKED_AT:
            return None
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.looked.append(time.perf_counter() - self.paused)
        if len(self.looked) < len(LOOKED_AT):
            return None
        each = (self.looked[1] - self.looked[0]) / (LOOKED_AT[1] - LOOKED_AT[0])
        return self._sentence(done, each, memory_taken(self.device) / GIB)

    def _sentence(self, done: int, each: float, memory: float) -> str:
        left = (self.total - done) * each
        said = f"{self.total - done} iterations are left, of {in_seconds(each)} each: {duration(left)}"
        if self.minutes is not None and left > (until := self.began + self.minutes * MINUTE - time.perf_counter()):
            said += f", of which --minutes {self.minutes:g} leaves {duration(max(0.0, until))}"
        where = "of the GPU's memory" if self.device.type == "cuda" else "of memory"
        return f"{said}; samples, validation and checkpoints come on top. {memory:.1f} GiB {where} are taken"


def in_seconds(seconds: float) -> str:
    """`35 ms`, `1.2 s`."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def time_left(since: float, now: float, played: int, left: int) -> Sequence[str]:
    """`["12 min left"]` at the mean pace of `played` iterations between two times, or nothing."""
    return [f"{duration((now - since) / played * left)} left"] if played and left else []
