"""Memory that is kept, in a process of its own, since it is a setting of the whole process."""

import os
import subprocess
import sys

import pytest

RUN = """
import resource
import torch
from advloss.core.allocator import give_back_freed_memory, keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1])

kept = keep_freed_memory()
for _ in range(12):  # glibc puts the rests of aligned blocks aside at first, and the next does not fit
    torch.ones(1 << 24)  # 64 MiB
before = faults()
for _ in range(3):
    torch.ones(1 << 24)
new = faults() - before
before = resident()
give_back_freed_memory()
print(kept, new, before - resident())
"""
PAGES = (64 << 20) // (os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096)


def run(**environment: str) -> tuple[bool, int, int]:
    """(whether it is kept, pages that were new for three tensors, pages that were given back)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", RUN], capture_output=True, text=True, check=True, env=clean | environment
    )
    kept, new, given = done.stdout.split()
    return kept == "True", int(new), int(given)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_the_next_tensor_gets_the_pages_of_the_last() -> None:
    kept, new, given = run()
    assert kept and new < PAGES / 100
    assert given > 0.9 * PAGES  # the last tensor's at least


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_a_users_own_settings_stand() -> None:
    kept, new, given = run(MALLOC_TRIM_THRESHOLD_="131072", THP_MEM_ALLOC_ENABLE="0")
    assert not kept and new > 2.9 * PAGES
    assert given < PAGES / 100
