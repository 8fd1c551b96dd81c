"""Locks between processes: a file that one process holds. A process that is killed leaves none locked behind."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Held(Exception):
    """Another process, or another part of this one, holds the lock. The message says who, if it is known."""


class Lock:
    """Holds `path`, a file that is made if need be, until `release` is called or the process ends.

    It is flock's lock, which the system takes back when a process ends, whatever ends it. Processes that this one forks
    do not hold it. Where the file system has no such locks, everyone gets the lock.

    wait: whether to wait for the lock; if not, `Held` is raised where another has it. Raises OSError if the file can't
    be made or written.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        self.path = path
        while True:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            try:
                _lock(self._file, wait)
                if self._is_there():  # the holder before may have removed the file in the meantime
                    break
            except BlockingIOError:
                holder = os.read(self._file, 200).decode(errors="replace").strip()
                os.close(self._file)
                raise Held(holder or "another process") from None
            except BaseException:
                os.close(self._file)
                raise
            os.close(self._file)
        _open.add(self._file)
        with suppress(OSError):  # a full disk
            os.truncate(self._file, 0)
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}, since {since}\n".encode())

    def release(self) -> None:
        """Removes the file and gives the lock back. Further calls do nothing."""
        if self._file in _open:
            with suppress(OSError):
                self.path.unlink()
            _open.discard(self._file)
            os.close(self._file)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), os.lstat(self.path))
        except FileNotFoundError:
            return False


def holder(path: Path) -> str | None:
    """Who holds the lock of that file, as `Held` says it; None if nobody does, or if the system can't tell."""
    try:
        file = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        _lock(file, wait=False)
    except BlockingIOError:
        return os.read(file, 200).decode(errors="replace").strip() or "another process"
    finally:
        os.close(file)  # which gives back what was locked
    return None


_open: set[int] = set()
"""The descriptors of the locks that this process holds."""


def _lock(file: int, wait: bool) -> None:
    """Raises BlockingIOError if another has the lock."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return


def _forget() -> None:
    """In a forked process: its copies of the descriptors would keep the locks when the first process is killed."""
    for file in _open:
        with suppress(OSError):
            os.close(file)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
