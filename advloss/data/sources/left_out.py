"""Finds what lies in a data set's folders and is in none of its splits, so that nothing is left out without a word."""

import os
from collections.abc import Iterable
from pathlib import Path

from advloss.core.words import counted, some
from advloss.data.array_sets.opening import held_files
from advloss.data.sources.base import DataSet
from advloss.images.listing import Passed, list_images


def left_out(opened: DataSet, places: Iterable[str | Path]) -> tuple[str, ...]:
    """Sentences on the files in the folders among these places that `opened` does not use. Hidden files are not named.

    places: the folders and files from which it was opened.
    """
    given = {Path(place).expanduser() for place in places}
    expected = given.union(*map(held_files, opened.splits.values()))
    used = {str(path) for path in _used(opened)}
    folders_used = {os.path.dirname(path) for path in used}  # noqa: PTH120 (Path takes 10 times as long)
    sentences: list[str] = []
    for root in sorted(place for place in given if place.is_dir()):
        passed = Passed()
        unused = [path for path in list_images(root, passed=passed) if str(path) not in used]
        passed.linked = [link for link in passed.linked if not _lies_above(link, folders_used)]
        if unused:
            sentences.append(f"{root}: not used: {counted(len(unused), 'picture')} ({some(unused)})")
        sentences += [
            f"{root}: {words}" for words in passed.words(lambda path: path in expected or path.suffix == ".tar")
        ]
        closed = [str(error.filename) for error in passed.closed]
        sentences += [f"{root}: folders that can't be read: {some(closed)}"] if closed else []
    return tuple(sentences)


def _used(opened: DataSet) -> Iterable[Path]:
    """The files of all splits, and those that the data set names itself, as they have no partner."""
    for split in opened.splits.values():
        for values in split.images.values():
            yield from filter(None, map(values.path, range(len(values))))
    for paths in opened.alone.values():
        yield from paths


def _lies_above(folder: Path, folders: Iterable[str]) -> bool:
    return any(each == str(folder) or each.startswith(f"{folder}{os.sep}") for each in folders)
