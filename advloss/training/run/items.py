"""The items of a data set by their names: whether a run that is resumed sees what it saw, wherever the files lie."""

import hashlib
import re

from advloss.data import DataSet
from advloss.data.sources.base import Split

Items = dict[str, dict[str, tuple[int, str]]]
"""For each split and field how many items there are, and a digest over their names in order; of labels and vectors,
over their values."""
SHARD = re.compile(r"^.*/(?=[^/]+\.tar[^/]*/)")


def items_of(data: DataSet) -> Items:
    """The items of all splits."""
    return {name: {**_pictures(data.name, split), **_rows(split)} for name, split in data.splits.items()}


def differences(before: Items, now: Items, split: str) -> list[str]:
    """What differs in a split: `data.train.a: 4 then, 3 now`."""
    then, today = before.get(split, {}), now.get(split, {})
    return [
        _in_words(f"data.{split}.{field}", then.get(field), today.get(field))
        for field in dict.fromkeys([*then, *today])
        if tuple(then.get(field, ())) != tuple(today.get(field, ()))
    ]


def _in_words(place: str, then: tuple[int, str] | None, now: tuple[int, str] | None) -> str:
    counts = [each[0] if each else 0 for each in (then, now)]
    what = f"{counts[0]} then, {counts[1]} now"
    return f"{place}: {what}" if counts[0] != counts[1] else f"{place}: {what}, of other names or values"


def _pictures(title: str, split: Split) -> dict[str, tuple[int, str]]:
    found = {}
    for field, values in split.images.items():
        names = hashlib.sha256()
        for index in range(len(values)):
            name = values.name(index)
            # a shard's own folder may change; what is drawn has the name of its set
            name = SHARD.sub("", name) if "/" in name or values.path(index) else f"{title}/{name}"
            names.update(f"{name}\n".encode(errors="surrogateescape"))
        found[field] = (len(values), names.hexdigest())
    return found


def _rows(split: Split) -> dict[str, tuple[int, str]]:
    return {name: (len(rows), hashlib.sha256(rows.values.tobytes()).hexdigest()) for name, rows in split.rows.items()}
