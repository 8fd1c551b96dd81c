"""Files that are whole or not there: written under a temporary name, synced, then renamed."""

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
"""Who may read what is written: what any other program's files have here."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on success it takes `path`'s place at once, on any error it is removed.

    A process killed in between leaves a stray temporary file, and `path` as it was; `sweep` removes such strays.
    """
    # the suffix stays last: libraries choose the format by it
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(MODE)  # safetensors writes for its owner alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """The file with this content, or what stood there before; never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def sweep(folder: Path) -> None:
    """Removes what killed processes left of `replacing` in `folder`."""
    for stray in folder.glob(".tmp*"):  # safetensors has temporary names of its own, .tmpAbCdEf
        stray.unlink(missing_ok=True)


@contextmanager
def closed_named() -> Iterator[None]:
    """A folder that can't be looked into becomes an InputError that names it."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{error.filename}: can't be read ({error.strerror})") from None


def check_open(folder: Path) -> None:
    """InputError if nothing can be written into a folder, or the folder can't be made: before the work is done."""
    nearest = folder
    while not _exists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is a file, and results are to go into a folder of that name")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: can't be written to; name another folder, or change its permissions")


def check_file(path: Path) -> None:
    """InputError if a file of this name can't be written, its folders made first: before the work is done."""
    with closed_named():
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it")
    check_open(path.parent)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # of a folder above it
        return False
