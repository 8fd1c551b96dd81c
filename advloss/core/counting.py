"""What follows the clock, as CUDA graphs ask for it: by clock, with what the next calls would do."""

from collections.abc import Hashable, Iterator

from torch import nn

from advloss.core.clock import Clock, Timed, timed


class Counter:
    """The parts that follow one clock."""

    def __init__(self, clock: Clock, parts: list[Timed]) -> None:
        self.clock = clock
        self.parts = parts

    @property
    def calls(self) -> int:
        """The clock's iteration, which may be set."""
        return self.clock.iteration

    @calls.setter
    def calls(self, calls: int) -> None:
        self.clock.iteration = calls

    def phase(self, calls: int) -> Hashable:
        """What the next `calls` iterations do, the same value for the same; None where only Python can do it."""
        phases = [part.phase(self.calls + call) for call in range(calls) for part in self.parts]
        return None if None in phases else tuple(phases)


def counters(module: nn.Module) -> Iterator[Counter]:
    """The clocks of everything within a module that follows one."""
    by_clock: dict[int, Counter] = {}
    for part in timed(module):
        by_clock.setdefault(id(part.clock), Counter(part.clock, [])).parts.append(part)
    yield from by_clock.values()
