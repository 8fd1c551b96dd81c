"""Folders within folders, however deep they are."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path


def walk(top: Path, unreadable: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` from the top down, which before Python 3.12 ends at some 1,000 levels with a RecursionError.

    unreadable: called with the error of each folder that can't be listed, or whose path is too long for the system.
    Folders that the caller takes out of the list of folders are not gone through; links to folders neither.
    """
    waiting = [os.fspath(top)]
    while waiting:
        place = waiting.pop()
        for below in itertools.islice(os.walk(place, onerror=unreadable), 1):
            yield below
            paths = [f"{place}{os.sep}{name}" for name in below[1]]
            waiting += [path for path in paths if not os.path.islink(path)]  # noqa: PTH114 (it raises nothing)
