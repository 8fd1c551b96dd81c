"""What a run has logged, as series of numbers: what the rules look at."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SPAN = 1000
"""In iterations, how far back the rules may look."""
GROUPS = ("losses", "health", "watched")
"""The groups of log.jsonl that the rules read."""


@dataclass(frozen=True)
class Finding:
    """What a rule found. sentence: what goes wrong. remedy: what to do."""

    rule: str
    sentence: str
    remedy: str

    def plain(self) -> dict[str, str]:
        """As it stands in log.jsonl."""
        return asdict(self)


class History:
    """The series of a run's last 1,000 iterations, and the rules that have spoken.

    A name is that of the log, after its group: `losses.l1`, `health.adversarial.fake`.
    """

    def __init__(self) -> None:
        self.iteration = 0
        self.series: dict[str, deque[tuple[int, float]]] = {}
        self.first: dict[str, int] = {}  # the iteration of the first value of each name
        self.said: set[str] = set()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Adds a line of log.jsonl. Lines without numbers for the rules change nothing; one of a rule that has spoken
        silences it."""
        if isinstance(found := entry.get("doctor"), Mapping):
            self.said.add(str(found.get("rule")))
        iteration = entry.get("iteration")
        if not isinstance(iteration, int):
            return
        for group in GROUPS:
            numbers = entry.get(group)
            for name, value in numbers.items() if isinstance(numbers, Mapping) else ():
                if isinstance(value, int | float):
                    self._add(f"{group}.{name}", iteration, float(value))

    def _add(self, name: str, iteration: int, value: float) -> None:
        self.iteration = max(self.iteration, iteration)
        self.first.setdefault(name, iteration)
        kept = self.series.setdefault(name, deque())
        kept.append((iteration, value))
        while kept[0][0] <= iteration - SPAN:
            kept.popleft()

    def last(self, name: str, iterations: int) -> list[float]:
        """The values that were logged in the last so many iterations, the oldest first."""
        after = self.iteration - iterations
        return [value for iteration, value in self.series.get(name, ()) if iteration > after]

    def values(self, name: str, count: int) -> list[float]:
        """The last so many values, or fewer if there are no more."""
        return [value for _, value in self.series.get(name, ())][-count:]

    def lasting(self, name: str, iterations: int) -> list[float]:
        """The values of the last so many iterations, at least two; none if the series has not lasted that long."""
        if name not in self.first or self.iteration - self.first[name] < iterations * 3 // 4:
            return []
        found = self.last(name, iterations)
        return found if len(found) > 1 else self.values(name, 2)

    def names(self, start: str) -> list[str]:
        """All names that begin so."""
        return [name for name in self.series if name.startswith(start)]

    def between(self, name: str, start: int, end: int) -> list[float]:
        """The values that were logged from iteration `start` to before `end`."""
        return [value for iteration, value in self.series.get(name, ()) if start <= iteration < end]

    def now(self, name: str) -> float | None:
        """The last value, if there is one."""
        kept = self.series.get(name)
        return kept[-1][1] if kept else None

    def parts(self, end: str) -> list[str]:
        """The terms that have a measure of that name: `adversarial_a` for `health.adversarial_a.fake`."""
        start, end = "health.", f".{end}"
        return [n[len(start) : -len(end)] for n in self.series if n.startswith(start) and n.endswith(end)]
