"""Files that are complete or absent: they are written under a temporary name, synced, then renamed."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advloss.core.errors import InputError

TEMPORARY = ".tmp-"
_UMASK = os.umask(0)
os.umask(_UMASK)
MODE = 0o666 & ~_UMASK
"""The permissions of written files: the same that files of other programs get."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`. On success its file replaces `path` in one step, on an error it
    is removed.

    If the process is killed in between, the temporary file stays, and `path` is unchanged; `sweep` removes such files.
    """
    # the name keeps its suffix: libraries choose the format by it
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(MODE)  # safetensors lets only the owner read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Writes `data` to `path`. The file holds its old content or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def sweep(folder: Path) -> None:
    """Removes the temporary files that killed processes left in `folder`."""
    for stray in folder.glob(".tmp*"):  # safetensors has temporary names of its own, .tmpAbCdEf
        stray.unlink(missing_ok=True)


@contextmanager
def closed_named() -> Iterator[None]:
    """Raises an InputError that names the file or folder in the place of a PermissionError within the block."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{error.filename}: can't be read ({error.strerror})") from None


def check_open(folder: Path) -> None:
    """Raises InputError if `folder` can't be written to, or can't be made. Call it before the work."""
    nearest = folder
    while not _exists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is a file, and results are to go into a folder of that name")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: can't be written to; name another folder, or change its permissions")


def check_file(path: Path) -> None:
    """Raises InputError if `path` can't be written, its folders being made first. Call it before the work."""
    with closed_named():
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it")
    check_open(path.parent)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # a folder above it is closed
        return False
