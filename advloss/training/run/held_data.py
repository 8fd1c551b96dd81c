"""What data a run began with, so that a resumed run can say that they have changed since."""

import hashlib
import json
from pathlib import Path

from advloss.core.files import write_whole
from advloss.data import DataSet

NAME = "data.json"
"""The file in the run's folder: {split: {field: [how many pictures, a hash of their names]}}."""


def write_held(folder: Path, data: DataSet) -> None:
    """Writes down what the data set holds, unless an earlier start of the run did."""
    if not (folder / NAME).exists():
        write_whole(folder / NAME, json.dumps(_held(data)).encode())


def changes(folder: Path, data: DataSet) -> list[str]:
    """Sentences on what has changed since the run began. A run without the file, or with a damaged one, has none."""
    try:
        before = json.loads((folder / NAME).read_text(encoding="utf-8"))
        then = {(split, name): tuple(held) for split, fields in before.items() for name, held in fields.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    now = {(split, name): held for split, fields in _held(data).items() for name, held in fields.items()}
    differ = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
    said = [
        f"{split} {name}: {_words(then.get((split, name)))} then, {_words(now.get((split, name)))} now"
        for split, name in differ
    ]
    if not said:
        return []
    return [f"the data set has changed since this run began ({'; '.join(said)}): it goes on with what is there, which "
            "is not what it would have seen"]  # fmt: skip


def _held(data: DataSet) -> dict[str, dict[str, tuple[int, str]]]:
    return {
        split: {
            name: (len(values), hashlib.sha256("\0".join(map(values.name, range(len(values)))).encode()).hexdigest())
            for name, values in one.images.items()
        }
        for split, one in data.splits.items()
    }


def _words(held: tuple[int, str] | None) -> str:
    return "none" if held is None else f"{held[0]} pictures (names {held[1][:6]})"
