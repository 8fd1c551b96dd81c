"""Small files of text that somebody else may have made: read within bounds of size and depth."""

import json
import stat
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError

DEPTH_MOST = 64
"""Levels of lists and mappings; a resolved recipe has 8."""


def read_file(path: Path, most: int) -> bytes:
    """All bytes of a file. Raises InputError for one of more than `most`, and for a pipe, a device or a folder."""
    try:
        check_plain(path)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from None
    if len(content) > most:
        raise InputError(f"{path}: has more than {most:,} bytes, which no file of this kind needs")
    return content


def check_plain(path: Path) -> None:
    """Raises InputError for what exists and is no file of bytes: to open a pipe waits until somebody writes to it."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
        raise InputError(f"{path}: is {kind}, not a file")


def read_json(text: str | bytes) -> Any:
    """JSON's value. Raises ValueError, in one sentence, for what is no JSON, or nested deeper than `DEPTH_MOST`."""
    too_deep = f"lists within lists, more than {DEPTH_MOST} deep"
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    level, depth = [value], 0
    while level:
        if depth > DEPTH_MOST:
            raise ValueError(too_deep)
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level, depth = [each for one in inner for each in one], depth + 1
    return value
