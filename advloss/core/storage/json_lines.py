"""Reads files of a JSON object a line, such as a run's log, also while they are written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advloss.core.storage.files import closed_named


def entries(path: Path, notes: list[str], holding: bytes = b"") -> Iterator[dict[str, Any]]:
    """The lines of a JSON lines file that hold those bytes; none if there is no file. What can't be read is noted."""
    if not path.is_file():
        return
    damaged, whole = 0, True
    with closed_named(), path.open("rb") as file:
        for line in file:
            whole = line.endswith(b"\n")
            if holding not in line:
                continue
            try:
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise ValueError
            except (ValueError, RecursionError):
                damaged += whole
                continue
            yield entry
    if not whole:
        notes.append(f"{path.name}: the last line was not written to its end, and is passed over")
    if damaged:
        notes.append(f"{path.name}: {damaged} damaged line{'s' * (damaged > 1)} passed over")
