"""Reads a run's log.jsonl, also one that was cut off."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Entries:
    """lines: those that can be read, in order. lost: the numbers of the others, from 1."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def entries(path: Path) -> Entries:
    """The lines of a log.jsonl; none if there is no such file. Raises OSError if it can't be read."""
    found = Entries()
    if not path.exists():
        return found
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            int(entry["iteration"])
            found.lines.append(entry)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            found.lost.append(number)
    return found
