"""The clock that changes hands."""

import pytest
import torch

from tools.benchmarks import seams
from tools.benchmarks.measuring.gaps import covered, launch_gaps
from tools.benchmarks.seams import Seams

CPU = torch.device("cpu")


class Hours:
    """A clock that the test sets."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    clock = Hours()
    monkeypatch.setattr(seams, "time", clock)
    return clock


def test_a_part_within_another_counts_for_itself_alone(hours: Hours) -> None:
    clock = Seams(CPU)

    def inner() -> None:
        hours.now += 4

    timed = clock.wrapped(inner, "inner")
    with clock.within("outer"):
        hours.now += 1
        timed()
        timed()
        hours.now += 2
    hours.now += 100  # between two parts: nobody's
    with clock.within("outer"):
        hours.now += 1
    assert clock.taken == {"outer": 4, "inner": 8}


def test_a_failing_part_hands_the_clock_back(hours: Hours) -> None:
    clock = Seams(CPU)
    with clock.within("outer"):
        with pytest.raises(ValueError), clock.within("inner"):
            hours.now += 3
            raise ValueError
        hours.now += 1
    assert clock.taken == {"outer": 1, "inner": 3}


def test_kernels_at_once_count_once() -> None:
    assert covered([]) == 0
    assert covered([(5, 7), (0, 2), (1, 3), (1.5, 2), (7, 8)]) == 3 + 3


def test_a_cpu_has_no_launch_gaps() -> None:
    assert launch_gaps(lambda: None, CPU, 1.0) is None
