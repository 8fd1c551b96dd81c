"""Cores that other programs use too: how long threads wait for each other without sleeping, and how many compute.

Torch computes on a CPU in threads that wait for each other some thousand times an iteration. GNU's OpenMP, which torch
brings for Linux, lets them wait actively for up to 300,000 turns of a loop, some 16 ms. Alone that is fastest. Where
another program holds one of the cores, it burns what the thread that is waited for would need.

A user's own `OMP_NUM_THREADS`, `OMP_WAIT_POLICY` or `GOMP_SPINCOUNT` always wins.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from torch import nn

SPINS = 20_000
"""Turns that a thread waits actively: about 1 ms. It is longer than the gaps between two operations, so that alone
nothing is lost, and shorter than the time for which a system gives a core to another program."""


class Load(NamedTuple):
    """Seconds since the system, or this process, started. wall: by a clock. used: of the cores that this process may
    use, in any program. own: of them, in this process."""

    wall: float
    used: float
    own: float


def limit_spinning() -> bool:
    """Makes the OpenMP threads of this process, and of those that it starts, sleep after `SPINS` turns.

    Results stay the same, bit for bit. OpenMP reads its settings when torch is loaded; so a command calls this first,
    and it does nothing where torch is there already. Returns whether the limit is set.
    """
    if "torch" in sys.modules or {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        return False
    os.environ["GOMP_SPINCOUNT"] = str(SPINS)
    return True


def load() -> Load:
    """The load at this moment; two of them show what was used in between."""
    cores = psutil.cpu_times(percpu=True)
    if hasattr(os, "sched_getaffinity"):  # a container may have a few of the machine's cores
        cores = [core for number, core in enumerate(cores) if number in os.sched_getaffinity(0)] or cores
    apart = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is in the user's too
    used = sum(sum(core) - sum(getattr(core, name, 0) for name in apart) for core in cores)
    return Load(time.monotonic(), used, time.process_time())


STARTED = load()
"""At the import of this module."""


def threads_beside(threads: int, before: Load, now: Load) -> int:
    """How many of `threads` to compute with, so that the cores which other programs kept busy are left to them.

    It is what a fair system gives: one of the others takes one thread; where there are more of them than cores, one
    thread is left. A thread that has no core for itself makes all others wait.
    """
    wall = now.wall - before.wall
    if wall <= 0:
        return threads
    others = (now.used - before.used - (now.own - before.own)) / wall
    return min(threads, max(1, threads - round(others)))


def chosen_by_user() -> bool:
    """Whether the number of threads was set from outside."""
    return "OMP_NUM_THREADS" in os.environ


def shared(count: int, threads: int) -> str:
    """What a user is told where the number of threads is chosen."""
    return (
        f"computes in {count} of {threads} threads, since other programs keep cores busy; "
        f"OMP_NUM_THREADS={threads} takes them all"
    )


class SharedCores:
    """Leaves the cores that other programs keep busy to them, for as long as they do.

    say: shows a line to the user where the number of threads changes. count: the number to begin with, instead of what
    is found at the first look.

    Results differ in the last bits of a float with the number of threads. So a training looks at its checkpoints alone,
    which hold the number; a model that is used is watched by `watch`.
    """

    EVERY = 10.0
    """Seconds between two looks of `watch`."""

    def __init__(self, say: Callable[[str], None], count: int | None = None) -> None:
        import torch

        self._set, self._threads = torch.set_num_threads, torch.get_num_threads()
        self.count, self._say = self._threads, say
        self._seen, self._next = STARTED, 0.0
        if count is not None:
            self.count, self._seen = count, load()
            self._set(count)

    def watch(self, *networks: "nn.Module") -> None:
        """Looks whenever one of the networks is called, at most every EVERY seconds."""
        for network in networks:
            network.register_forward_pre_hook(self._now_and_then)

    def look(self) -> bool:
        """Looks at what other programs used since the last look, or since this process began, and takes as many threads
        as that leaves. Call it in the thread that computes. Returns whether the number changed; never where the user
        has set `OMP_NUM_THREADS`."""
        if chosen_by_user():
            return False
        now = load()
        count, before = threads_beside(self._threads, self._seen, now), self.count
        self._seen = now
        if count == before:
            return False
        self.count = count
        self._set(count)
        self._say(shared(count, self._threads) if count < self._threads else f"computes in {count} threads again")
        return True

    def _now_and_then(self, *_: object) -> None:
        if time.monotonic() >= self._next:
            self.look()
            self._next = time.monotonic() + self.EVERY
