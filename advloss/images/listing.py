"""The pictures in a folder, and what else lies there, so that nothing is left out without a word."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from advloss.core.words import counted, some
from advloss.images.formats import FORMATS


def extensions() -> str:
    """The extensions of all formats, for a message: `.png, .jpg, ...`."""
    return ", ".join(FORMATS)


def is_image(path: Path) -> bool:
    """Whether the file's name says that it is a picture. Hidden files are none."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".")


@dataclass
class Passed:
    """What `list_images` has passed over. Hidden files and folders are not in it.

    closed: the errors of folders that can't be listed. others: files whose names are no picture's. no_files: pipes and
    broken links that are named as pictures. linked: links to folders that were read already.
    """

    closed: list[OSError] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    no_files: list[Path] = field(default_factory=list)
    linked: list[Path] = field(default_factory=list)

    def words(self, without: Callable[[Path], bool] = lambda path: False) -> list[str]:
        """A sentence on each kind of what lies there and is not taken, but for the folders that can't be listed.

        without: whether a path is to be expected there.
        """
        others = [path for path in self.others if not without(path)]
        sentences = []
        if others:
            kinds = Counter(path.suffix.lower() or "without an extension" for path in others).most_common()
            each = some(f"{number} {kind}" for kind, number in kinds)
            sentences.append(f"not taken, since the name is no picture's: {counted(len(others), 'file')} ({each})")
        if self.no_files:
            sentences.append(f"not taken, since they are no files (pipes, broken links): {some(self.no_files)}")
        if self.linked:
            sentences.append(f"not taken a second time: links to folders that are read already: {some(self.linked)}")
        return sentences


def list_images(folder: Path, recursive: bool = True, passed: Passed | None = None) -> list[Path]:
    """The pictures in a folder and below it, sorted. Hidden files and folders are skipped. Links to folders are
    followed, but no folder is read twice: neither in a circle nor by a second link.

    passed: gets what is passed over.
    """
    passed = Passed() if passed is None else passed
    found = []
    for entry in _files(folder, recursive, passed):
        path = Path(entry.path)
        if not is_image(path):
            passed.others.append(path)
        elif _may_be_read(entry):
            found.append(path)
        else:
            passed.no_files.append(path)
    return sorted(found)


def _files(folder: Path, recursive: bool, passed: Passed) -> Iterator["os.DirEntry[str]"]:
    """All that is no folder and not hidden. The folders themselves come before those that are linked."""
    waiting, linked = [str(folder)], list[str]()
    seen = set[tuple[int, int]]()
    while waiting or linked:
        by_link = not waiting
        place = linked.pop(0) if by_link else waiting.pop()
        try:
            state = Path(place).stat()
            if (state.st_dev, state.st_ino) in seen:
                passed.linked += [Path(place)] * by_link
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(place) as entries:
                listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            passed.closed.append(error)
            continue
        for entry in listed:
            if not _is_folder(entry):
                yield entry
            elif recursive:
                (linked if entry.is_symlink() else waiting).append(entry.path)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _may_be_read(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a file, and not a pipe or a broken link. True if that can't be known: to read it will raise."""
    try:
        return entry.is_file() or stat.S_ISREG(entry.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
