"""`checksums.json`: the SHA-256 of each archive whose first download was found whole, beside the archives."""

import hashlib
import json
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.storage.files import write_whole
from advloss.core.storage.reading import read_file, read_json

BYTES_MOST = 2**20


def record(path: Path) -> bool:
    """Stores the SHA-256 of a file that was found whole at its first use. Gives whether it was the first."""
    known = _all(path)
    if path.name in known:
        return False
    known[path.name] = sha256(path)
    write_whole(records(path), json.dumps(known, indent=2, sort_keys=True).encode())
    return True


def recorded(path: Path) -> str | None:
    """The SHA-256 that was stored for a file of this name."""
    return _all(path).get(path.name)


def records(path: Path) -> Path:
    """The file of checksums beside the archive at `path`."""
    return path.with_name("checksums.json")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _all(path: Path) -> dict[str, str]:
    place = records(path)
    if not place.exists():
        return {}
    try:
        held = read_json(read_file(place, BYTES_MOST))
    except ValueError as error:
        raise InputError(f"{place} is damaged ({error}); remove it") from error
    if not isinstance(held, dict) or not all(isinstance(value, str) for value in held.values()):
        raise InputError(f"{place} is damaged (it holds no checksums by name); remove it")
    return held
