"""Keeps the memory that a tensor frees in the process, for the next tensor."""

import ctypes
import os
from typing import Any

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""What glibc's malloc.h calls M_TRIM_THRESHOLD and M_MMAP_MAX."""
_kept = False


def keep_freed_memory() -> bool:
    """Makes this process keep the memory that it frees. Returns whether it does.

    By default, glibc's malloc returns every large block to the system and gets the next one zeroed, page by page. On
    two cores this took a quarter of an iteration of pix2pix in bf16. The setting is for the whole process, so commands
    make it, and functions of the library do not. Nothing changes where the user has set a `MALLOC_...` variable, or
    where the C library is not glibc.
    """
    global _kept
    set_option = _function("mallopt")
    if set_option is None or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    _kept = bool(set_option(MMAP_MAX, 0) and set_option(TRIM_THRESHOLD, -1))
    return _kept


def give_back_freed_memory() -> None:
    """Returns the kept memory to the system: before tensors of other sizes come, which may fit no free piece."""
    if _kept and (give_back := _function("malloc_trim")) is not None:
        give_back(0)


def _function(name: str) -> Any:
    """The function of the C library with this name, or None."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
