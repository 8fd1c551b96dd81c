"""How much of the host's memory this process may still take, and errors that say that there is none."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import torch

from advloss.core.errors import InputError

CGROUPS = Path("/sys/fs/cgroup")
FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""For each version of Linux's control groups: the files of the limit and of what is used, and the name, in
`memory.stat`, of what is used by files that the system drops when memory is needed."""


def available_memory(groups: Path = CGROUPS) -> int:
    """Bytes that are free on this host, and within the limit of the container that the process runs in.

    groups: the folder of the process's control group.
    """
    return max(0, min([psutil.virtual_memory().available, *_left_in_groups(groups)]))


def memory_taken(device: torch.device) -> int:
    """Bytes that this process has taken: the most so far of a GPU's memory, or now of the host's for a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return int(psutil.Process().memory_info().rss)


def _left_in_groups(groups: Path) -> Iterator[int]:
    for limit, used, droppable in FILES:
        with suppress(OSError, ValueError):  # no such group, or `max` for its limit
            left = int((groups / limit).read_text()) - int((groups / used).read_text())
            stat = ((groups / limit).parent / "memory.stat").read_text()
            found = re.search(rf"^{droppable} (\d+)$", stat, re.MULTILINE)
            yield left + (int(found[1]) if found else 0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "out of memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


@contextmanager
def fitting(what: str) -> Iterator[None]:
    """Raises InputError where `what`, such as `networks`, takes more memory than there is."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise InputError(f"{what}: the weights take more memory than there is; make them smaller") from None
