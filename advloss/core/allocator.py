"""Memory that a tensor leaves is kept for the next one (floor 0)."""

import ctypes
import os
from typing import Any

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""What glibc's malloc.h calls M_TRIM_THRESHOLD and M_MMAP_MAX."""
_kept = False


def keep_freed_memory() -> bool:
    """Has this process keep what it frees; whether it does.

    As shipped, glibc's malloc gives every large block back to the system and gets the next one zeroed, page by page: a
    quarter of an iteration of pix2pix in bf16 on two cores. It is a setting of the whole process, so it is for
    commands, not for a library's functions. A user's own settings (`MALLOC_...`) stand, and other C libraries have
    none of this.
    """
    global _kept
    set_option = _function("mallopt")
    if set_option is None or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    _kept = bool(set_option(MMAP_MAX, 0) and set_option(TRIM_THRESHOLD, -1))
    return _kept


def give_back_freed_memory() -> None:
    """Gives back what was kept: where tensors of other sizes come, for which the pieces that are free may not do."""
    if _kept and (give_back := _function("malloc_trim")) is not None:
        give_back(0)


def _function(name: str) -> Any:
    """The C library's, or None."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
