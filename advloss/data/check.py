"""The check of a data set before a training: what it holds, and which of its files are wrong."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as filled
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.words import counted, some
from advloss.data.formats import FieldFormat
from advloss.data.found_formats import found_formats, unused_range
from advloss.data.sampling.crops import fit
from advloss.data.sources.base import DataSet, Split
from advloss.data.sources.pair_checks import scales
from advloss.data.sources.shards import ShardValues, looked_at
from advloss.data.sources.values import Values
from advloss.images.reading import UnreadableImage

MOST_COMPARED = 20_000
"""Before a training, more files than this are not searched for equal ones."""
COLUMNS = ["split", "side", "images", "height x width", "modes", "unreadable", "without partner"]


@dataclass
class Report:
    """The findings: a table, sentences, and the lists behind them."""

    name: str
    columns: list[str] = filled(default_factory=lambda: list(COLUMNS))
    rows: list[list[str]] = filled(default_factory=list)
    """One a split and field, in the order of `columns`."""
    notes: list[str] = filled(default_factory=list)
    """How the data set was read."""
    problems: list[str] = filled(default_factory=list)
    """The problems that the user should look at, a sentence each."""
    unreadable: list[str] = filled(default_factory=list)
    """One message a file, each file once."""
    alone: list[Path] = filled(default_factory=list)
    duplicates: list[list[Path]] = filled(default_factory=list)
    """Groups of files with the same bytes within one field of one split."""
    leaks: list[tuple[Path, Path]] = filled(default_factory=list)
    """A file of train, and one of val or test with the same bytes."""
    looked_at: int = 0
    """How many headers of pictures were read."""
    full: bool = False

    def words(self) -> list[str]:
        """All findings as sentences."""
        counts: dict[str, list[str]] = defaultdict(list)
        for split, side, images, *_ in self.rows:
            counts[split].append(f"{images} of {side}")
        lines = [f"{self.name}: " + "; ".join(f"{split} {' and '.join(sides)}" for split, sides in counts.items())]
        sound = "no problems found"
        if self.looked_at and not self.full:
            sound += " in the files' headers; `advloss data check` decodes every picture"
        return lines + self.notes + (self.problems or [sound])


@dataclass
class _Seen:
    """What is known of one file: its header, or why it can't be read."""

    path: Path
    size: tuple[int, int] | None = None
    mode: str = ""
    error: str = ""
    several: bool = False


def check(dataset: DataSet, full: bool = False) -> Report:
    """Reads the headers of the files; with `full`, decodes every file. Files are equal if their bytes are.

    Without `full`, of very many pictures only the headers of a sample are read, and files are not compared; the notes
    say so. Pictures in shards are never compared. A progress bar is shown where standard error is a terminal.
    """
    report = Report(dataset.name, notes=list(dataset.notes), full=full)
    for name, split in dataset.splits.items():
        for position, (field, values) in enumerate(split.images.items()):
            alone = len(dataset.alone.get(name, ())) if position == 0 else 0
            _check_values(report, name, field, dataset.titles.get(field, field), values, alone, full)
        if not split.images:
            report.rows += [[name, field, str(len(rows)), "-", "drawn", "0", ""] for field, rows in split.rows.items()]
        if split.paired:
            report.problems += _unequal(name, split, full)
        if alone_here := dataset.alone.get(name):
            report.alone += alone_here
            report.problems.append(f"{name}: {len(alone_here)} files without a partner are skipped: {some(alone_here)}")
    if report.unreadable:
        report.problems.insert(0, f"{len(report.unreadable)} files can't be read: {some(report.unreadable, '; ')}")
    if full:
        with suppress(InputError):  # files of no common format; the training says so
            report.problems += unused_range(dataset.train, found_formats(dataset.train, lambda option, name: None))
    _compare(dataset, report)
    return report


def _check_values(report: Report, split: str, field: str, title: str, values: Values, alone: int, full: bool) -> None:
    """Adds the table's row of one field in one split, and the files of it that can't be read."""
    numbers = range(len(values)) if full else looked_at(values)
    seen = _look(values, numbers, full)
    report.looked_at += len(seen)
    if isinstance(values, ShardValues):
        report.notes += values.notes
    if len(numbers) < len(values):
        where = "pictures in shards" if isinstance(values, ShardValues) else "pictures"
        report.notes.append(f"{split}: of {len(values)} {where}, {len(numbers)} were looked at")
    unreadable = [file.error for file in seen if file.error]
    report.unreadable += [error for error in unreadable if error not in report.unreadable]
    if several := [file.path for file in seen if file.several]:
        taken = f"{split} {field}: {counted(len(several), 'file')} of several pictures, of which the first is taken"
        report.problems.append(f"{taken}: {some(several)}")
    label = field if title == field else f"{field} ({title})"
    sizes, modes = _sizes(seen, values), _modes(seen)
    report.rows.append([split, label, str(len(values)), sizes, modes, str(len(unreadable)), str(alone or "")])


def _look(values: Values, numbers: Sequence[int], full: bool) -> list[_Seen]:
    """These files of one field; nothing for pictures that are drawn."""

    def look(index: int) -> _Seen | None:
        path = values.path(index)
        seen = _Seen(path or Path(values.name(index)))
        try:
            header = values.header(index)
            if header.mode == "drawn":
                return None
            seen.mode, seen.size, seen.several = header.mode, header.size, header.several
            if full:
                values.read(index, FieldFormat(header.channels, header.depth))
        except UnreadableImage as error:
            seen.error = str(error)
        return seen

    return [seen for seen in _threaded(look, numbers) if seen is not None]


def _threaded(work: Callable[[int], _Seen | None], numbers: Sequence[int]) -> list[_Seen | None]:
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return list(_shown(pool.map(work, numbers), len(numbers), "looked at"))


T = TypeVar("T")


def _shown(items: Iterable[T], total: int, what: str) -> "tqdm[T]":
    """The items, with a progress bar if they take more than a second."""
    return tqdm(items, desc=what, total=total, unit="file", delay=1, leave=False, disable=None)


def _sizes(seen: list[_Seen], values: Values) -> str:
    """ "321x321", or the range of both heights and widths."""
    sizes = [file.size for file in seen if file.size] or ([] if seen or not len(values) else [values.header(0).size])
    if not sizes:
        return "-"
    heights, widths = zip(*sizes, strict=True)
    low, high = f"{min(heights)}x{min(widths)}", f"{max(heights)}x{max(widths)}"
    return low if low == high else f"{low} to {high}"


def _modes(seen: list[_Seen]) -> str:
    if not seen:
        return "drawn"
    counts = Counter(file.mode for file in seen if file.mode).most_common()
    return counts[0][0] if len(counts) == 1 else ", ".join(f"{count} {mode}" for mode, count in counts)


def _unequal(name: str, split: Split, full: bool) -> list[str]:
    """A sentence on the items whose pictures' sizes don't have the scale's ratio: they may show different parts."""
    unequal, larger = [], scales(split)
    first = min(split.images, key=lambda field: larger[field])
    for index in range(len(split)) if full else looked_at(split.images[first]):
        paths = {values.path(index) for values in split.images.values()}
        path = split.images[first].path(index)
        if path is None or len(paths) == 1:
            continue
        with suppress(UnreadableImage):
            sizes = {field: values.header(index).size for field, values in split.images.items()}
            if not all(fit(sizes[first], size, larger[field]) for field, size in sizes.items() if field != first):
                unequal.append(path)
    scale = max(larger.values())
    differ = "differ in size" if scale == 1 else f"are not of sizes 1 : {scale}"
    return [f"{name}: {len(unequal)} pairs {differ}: {some(unequal)}"] if unequal else []


def _compare(dataset: DataSet, report: Report) -> None:
    """Duplicates within a field, and leaks between train and the other splits."""
    places: dict[Path, tuple[str, str]] = {}
    trained_and_held_out: dict[Path, None] = {}  # where data.val is a part of train
    for name, split in dataset.splits.items():
        for field, values in split.images.items():
            for path in (values.path(index) for index in range(len(values))):
                if path is None:
                    continue
                first, _ = places.setdefault(path, (name, field))
                if first == "train" != name:
                    trained_and_held_out[path] = None
    report.leaks += [(path, path) for path in trained_and_held_out]
    if len(places) > MOST_COMPARED and not report.full:
        report.notes.append(f"{len(places)} files are too many to look for equal ones; `advloss data check` does")
    for same in _same_bytes(places if report.full or len(places) <= MOST_COMPARED else ()):
        groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for path in same:
            groups[places[path]].append(path)
        report.duplicates += [group for group in groups.values() if len(group) > 1]
        trained = [path for path in same if places[path][0] == "train"]
        if trained:
            report.leaks += [(trained[0], path) for path in same if places[path][0] != "train"]
    if report.duplicates:
        groups_named = some([" = ".join(path.name for path in group) for group in report.duplicates], "; ")
        report.problems.append(f"{len(report.duplicates)} groups of exact duplicates: {groups_named}")
    if report.leaks:
        pairs = some([f"{path} is {'itself' if path == trained else trained}" for trained, path in report.leaks], "; ")
        report.problems.append(f"{len(report.leaks)} pictures of val or test are also in train: {pairs}")


def _same_bytes(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of files with equal content. Only files of equal length are read."""
    lengths: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        if path.exists():
            lengths[path.stat().st_size].append(path)
    same: dict[bytes, list[Path]] = defaultdict(list)
    alike: list[Path] = []
    for length, group in lengths.items():
        if len(group) > 1 and length:
            alike += group
    for path in _shown(alike, len(alike), "compared"):
        with path.open("rb") as file:
            same[hashlib.file_digest(file, "sha256").digest()].append(path)
    return [group for group in same.values() if len(group) > 1]
