"""For components that still count their calls: the training's clock tells their number. Goes away with the last one."""

from collections.abc import Hashable
from typing import Any

from advloss.core.clock import Timed


class Counting(Timed):
    """calls: how many there were so far; once it follows a clock, the iteration, and one more for each call in it."""

    _calls = 0
    _iteration = 0

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "phase" in vars(cls):
            of_calls = cls.phase

            def phase(self: "Counting", number: int) -> Hashable:
                return of_calls(self, 1 if "clock" in vars(self) else number)

            cls.phase = phase  # type: ignore[assignment]

    @property
    def calls(self) -> int:
        """How many calls there were."""
        if "clock" not in vars(self):
            return self._calls
        here = self._iteration == self.clock.iteration
        return self.clock.iteration + (self._calls if here else 0)

    @calls.setter
    def calls(self, calls: int) -> None:
        if "clock" not in vars(self):
            self._calls = calls
            return
        self._iteration = self.clock.iteration
        self._calls = calls - self.clock.iteration
