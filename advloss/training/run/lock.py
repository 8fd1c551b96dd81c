"""One training at a time in a run folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.storage.files import make_folder
from advloss.core.storage.locks import Held, Lock
from advloss.training.processes import Processes
from advloss.training.run.paths import RunPaths


@contextmanager
def alone(folder: Path, processes: Processes) -> Iterator[None]:
    """Within it no other training can enter the folder, which is made if need be. All processes must call it; the first
    one holds the lock. However it ends, the lock ends with it, and so does a folder that was made for nothing.

    Raises InputError if another training holds the folder, with its number, if the folder can't be made, or if its name
    is not UTF-8.
    """
    made: list[Path] = []
    lock = failed = None
    if processes.first:
        try:
            os.fspath(folder).encode()
            made = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
            lock = _locked(folder)
        except Held as holder:
            failed = InputError(
                f"{folder}: is being trained by {holder}; wait for its end, or name another run with --run NAME"
            )
        except UnicodeEncodeError:
            failed = InputError(f"{folder}: is not UTF-8, which TensorBoard needs; name the run with --run NAME")
        except OSError as error:
            failed = InputError(f"{folder}: can't be written ({error.strerror or error})")
    try:
        if processes.any(failed is not None):
            raise failed or InputError("another process could not enter the run's folder")
        yield
    finally:
        if lock is not None:
            lock.release()
        for place in made:
            with suppress(OSError):  # what has something in it stays
                place.rmdir()


def _locked(folder: Path) -> Lock:
    while True:
        make_folder(folder)
        with suppress(FileNotFoundError):  # another training, which made the folder for nothing, removed it
            return Lock(RunPaths(folder).lock)
