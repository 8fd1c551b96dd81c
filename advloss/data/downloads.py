"""The folder of what is downloaded or prepared, and its locks. It loads no network library, which takes time."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from advloss.core.storage.locks import Lock


def cache_folder() -> Path:
    """Where published sets lie: $ADVLOSS_DATA or ~/.cache/advloss/data."""
    named = os.environ.get("ADVLOSS_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "advloss" / "data"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets one process at a time in, so that two don't write one download."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Lock(path.with_name(f".{path.name}.lock"), wait=True):
        yield
