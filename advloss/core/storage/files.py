"""Files that are complete or absent: they are written under a temporary name, synced, then renamed. Deep folders."""

import itertools
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.storage.locks import Held, Lock

TEMPORARY = re.compile(r"\.advloss-[0-9a-f]{8}")
"""The names of folders for files that are being written."""
LOCK, NEW = "lock", "new"
LONGEST_SUFFIX = 16
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path, of the same suffix. On success its file replaces `path` in one step, on an error it is
    removed. A file that is replaced keeps its mode and its owner; a new one gets the mode that others get there.

    The temporary path lies in a `temporary_folder` beside `path`, so its name is short, whatever a library writes
    there goes with it, and what a killed process leaves is removed by a later one. Raises InputError where `path` is a
    folder, a pipe or a device; OSError if nothing can be written.
    """
    _check_regular(path, _status(path))
    with temporary_folder(path.parent) as folder:
        suffix = path.suffix if len(path.suffix) <= LONGEST_SUFFIX else ""  # libraries choose the format by it
        temporary = folder / (NEW + suffix)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        before = _status(path)
        kept = before if before is not None and stat.S_ISREG(before.st_mode) else None
        if kept is not None:
            with suppress(OSError):  # only root may give files away
                os.chown(temporary, kept.st_uid, kept.st_gid)
        temporary.chmod(stat.S_IMODE((kept or (folder / LOCK).stat()).st_mode))  # safetensors lets only the owner read
        temporary.replace(path)


def write_whole(path: Path, data: bytes) -> None:
    """Writes `data` to `path`. The file holds its old content or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, for files that are moved from it when they are whole. At the end it is removed.

    It is locked by this process: so if the process is killed, another knows that nobody writes there and removes it
    (`sweep`), which this function does once for each `parent`.
    """
    sweep_once(parent)
    folder, lock = _new_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _new_folder(parent: Path) -> tuple[Path, Lock]:
    while True:
        folder = parent / f".advloss-{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(parent)) from None
        try:
            return folder, Lock(folder / LOCK)
        except (Held, FileNotFoundError):  # another process swept it before it was locked
            continue
        except OSError:
            folder.rmdir()
            raise


def sweep(folder: Path) -> None:
    """Removes what killed processes left half-written in `folder`, and nothing that a living one writes."""
    with suppress(OSError), os.scandir(folder) as entries:
        for stray in [one for one in entries if TEMPORARY.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]:
            with suppress(Held, OSError), Lock(Path(stray) / LOCK):
                shutil.rmtree(stray, ignore_errors=True)


_swept: set[Path] = set()


def sweep_once(folder: Path) -> None:
    """`sweep`, unless this process has done so already."""
    place = folder.absolute()
    if place not in _swept:
        _swept.add(place)
        sweep(folder)


@contextmanager
def closed_named() -> Iterator[None]:
    """Raises an InputError that names the file or folder in the place of an OSError about one within the block."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise InputError(unreadable(error)) from None


def unreadable(error: OSError) -> str:
    """`photos/a.png: can't be read (Permission denied)`."""
    return f"{os.fsdecode(error.filename)}: can't be read ({error.strerror or error})"


class Inputs:
    """The files that a command reads, which no result may replace."""

    def __init__(self, files: Iterable[Path | None]) -> None:
        self._files = files
        self._known: set[tuple[int, int]] | None = None

    def hold(self, status: os.stat_result) -> bool:
        """Whether it is one of them, under whatever name."""
        if self._known is None:  # only where there is something to replace
            self._known = set()
            for file in filter(None, self._files):
                with suppress(OSError):
                    found = file.stat()
                    self._known.add((found.st_dev, found.st_ino))
        return (status.st_dev, status.st_ino) in self._known


NOTHING = Inputs(())


def check_result(path: Path, inputs: Inputs = NOTHING) -> None:
    """Raises InputError if `path` can't be written, or if what is there may not be replaced. Call it before the work.

    Files are replaced; folders, links, pipes, devices and the command's inputs are not.
    """
    check_open(path.parent)
    _check_length(path)
    with closed_named():
        status = _status(path)
        if status is None:
            return
        if stat.S_ISLNK(status.st_mode):
            raise InputError(f"{path}: is a link to {path.readlink()}; name that file, or another for the result")
        _check_regular(path, status)
        if inputs.hold(status):
            raise InputError(f"{path}: is itself an input of this command; name another file for the result")


def _check_regular(path: Path, status: os.stat_result | None) -> None:
    """Raises InputError for what is neither a file nor a link to something."""
    if status is None or stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: is a folder; name a file in it")
    what = KINDS.get(stat.S_IFMT(status.st_mode), "no file")
    raise InputError(f"{path}: is {what}, which no result replaces; name another file for the result")


def check_open(folder: Path) -> None:
    """Raises InputError if `folder` can't be written to, or can't be made. Call it before the work."""
    _check_length(folder)
    nearest = _nearest(folder)
    with closed_named():
        is_folder = nearest.is_dir()
    if not is_folder:
        raise InputError(f"{nearest}: is a file, and results are to go into a folder of that name")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: can't be written to; name another folder, or change its permissions")
    if nearest == folder:
        sweep_once(folder)


def _check_length(path: Path) -> None:
    """Raises InputError for a name, or for a whole path, that is longer than the file system takes."""
    nearest = _nearest(path)
    longest, whole = _limits(nearest)
    for part in path.relative_to(nearest).parts:
        if (size := len(os.fsencode(part))) > longest:
            raise InputError(f"{path}: the name '{part}' has {size} bytes, and {longest} is the most here; shorten it")
    temporary = path.parent / ".advloss-00000000" / (NEW + path.suffix[:LONGEST_SUFFIX])
    if (size := max(len(os.fsencode(str(one))) for one in (path, temporary))) >= whole:
        raise InputError(f"{path}: the path has {size} bytes, and {whole - 1} is the most here; name a shorter folder")


def _limits(folder: Path) -> tuple[int, int]:
    """The most bytes of a name, and of a path with the zero at its end."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX"), os.pathconf(folder, "PC_PATH_MAX")
    except (AttributeError, OSError, ValueError):  # Windows; a system that does not tell
        return 255, 4096


def _nearest(path: Path) -> Path:
    """The path itself, or the first folder above it that exists."""
    while path != path.parent and not os.path.lexists(path):
        path = path.parent
    return path


def _status(path: Path) -> os.stat_result | None:
    """What lies at `path`, a link itself; None if nothing does."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, where they are missing: any number of levels."""
    missing = list(itertools.takewhile(lambda place: not place.is_dir(), (folder, *folder.parents)))
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
