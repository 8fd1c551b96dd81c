"""How many threads compute beside other programs, and how long they spin; the latter in a process of its own, since
OpenMP reads it when torch is loaded."""

import os
import subprocess
import sys

import pytest
import torch

from advloss.core import threads
from advloss.core.threads import SPINS, Load, SharedCores, threads_beside

LIMIT = """
import os, sys
from advloss.core.threads import limit_spinning
before = "torch" in sys.modules
print(before, limit_spinning(), os.environ.get("GOMP_SPINCOUNT"))
"""
SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("code", "environment", "want"),
    [
        (LIMIT, {}, f"False True {SPINS}"),
        (LIMIT, {"OMP_NUM_THREADS": "3"}, f"False True {SPINS}"),
        (LIMIT, {"GOMP_SPINCOUNT": "7"}, "False False 7"),
        (LIMIT, {"OMP_WAIT_POLICY": "ACTIVE"}, "False False None"),
        ("import torch" + LIMIT, {}, "True False None"),
    ],
)
def test_spinning_is_limited_before_torch_is_loaded_and_by_nobody_but_the_user_else(
    code: str, environment: dict[str, str], want: str
) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean | environment
    )
    assert done.stdout.strip() == want


@pytest.mark.parametrize(
    ("cores", "others", "own", "want"),
    [  # seconds that other programs and this one used, in a second
        (2, 0, 1, 2),  # alone
        (2, 0.4, 1, 2),  # what a desktop does by itself
        (2, 0.67, 1.33, 1),  # one busy program beside our two threads, where three share two cores
        (2, 1, 1, 1),
        (2, 1.33, 0.67, 1),  # two beside our one
        (2, 1.9, 0.1, 1),  # many: one is left
        (16, 0.3, 1, 16),
        (16, 3, 1, 13),
        (16, 15.5, 0.5, 1),
        (1, 0.5, 0.5, 1),
    ],
)
def test_others_keep_the_cores_that_they_use(cores: int, others: float, own: float, want: int) -> None:
    before = Load(wall=100, used=5000, own=7)
    for seconds in (0.5, 1, 30):
        now = Load(100 + seconds, 5000 + seconds * (others + own), 7 + seconds * own)
        assert threads_beside(cores, before, now) == want
    assert threads_beside(cores, before, before) == cores


def test_the_load_counts_what_this_process_used_on_both_sides() -> None:
    before = threads.load()
    while threads.load().own < before.own + 0.3:
        pass
    now = threads.load()
    cores = os.cpu_count() or 1
    assert 0.25 < now.used - before.used <= cores * (now.wall - before.wall) + 0.1 * cores


def test_only_the_cores_that_this_process_may_use_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with two of a machine's cores, while the others are busy."""
    core = threads.psutil.cpu_times(percpu=True)[0]
    idle, busy = (core._replace(**dict.fromkeys(core._fields, 0.0) | {"user": user}) for user in (1.0, 100.0))
    monkeypatch.setattr(threads.psutil, "cpu_times", lambda percpu: [busy, idle, busy, idle, busy])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 3}, raising=False)
    assert threads.load().used == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {900}, raising=False)  # more than are listed
    assert threads.load().used == 302


def test_what_is_used_follows_the_load_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    said: list[str] = []
    now = [0.0, 0.0]  # seconds by the clock, and those that others used
    monkeypatch.setattr(threads, "load", lambda: Load(now[0], now[1], 0.0))
    monkeypatch.setattr(threads, "STARTED", Load(0.0, 0.0, 0.0))
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        network = torch.nn.Identity()
        SharedCores(said.append).watch(network)
        counts = []
        for others in (0, 3, 3, 0, 0, 1):
            now[0] += SharedCores.EVERY
            now[1] += SharedCores.EVERY * others
            network(None)
            counts.append(torch.get_num_threads())
            now[1] += 1000  # it is not yet time to look
            network(None)
            now[1] -= 1000
        assert counts == [4, 1, 1, 4, 4, 3]
        assert [line.partition(",")[0] for line in said] == [
            "computes in 1 of 4 threads",
            "computes in 4 threads again",
            "computes in 3 of 4 threads",
        ]
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        now[:] = [now[0] + 100, now[1] + 400]
        network(None)
        assert torch.get_num_threads() == 3  # the user's word: nothing is set
    finally:
        torch.set_num_threads(before)
