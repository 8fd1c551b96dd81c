"""Downloads a file: resumes and retries it, and compares its SHA-256 with that of the first download."""

import contextlib
import errno
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.files import write_whole
from advloss.core.locks import Lock

TIMEOUT = 30.0
"""In seconds without a byte."""
TRIES = 4
PAUSE = 1.0
"""In seconds before the second try; doubled before each further one."""
BLOCK = 2**20


def cache_folder() -> Path:
    """Where published sets lie: $ADVLOSS_DATA or ~/.cache/advloss/data."""
    named = os.environ.get("ADVLOSS_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "advloss" / "data"


def fetch(url: str, path: Path) -> Path:
    """The file at `url` as `path`; refused if its SHA-256 is not the recorded one.

    A file that exists (put there by hand, or downloaded before) is used as it is. Raises `OSError` if `path` can't be
    written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = path.with_name(path.name + ".part")
        _fetch_part(url, part, path)
        _compare(part, path)
        part.replace(path)
    return path


def record(path: Path) -> None:
    """Stores the SHA-256 of a file that was found whole at its first use; later downloads are compared with it."""
    known = _recorded(path)
    if path.name not in known:
        known[path.name] = _sha256(path)
        write_whole(_record(path), json.dumps(known, indent=2, sort_keys=True).encode())


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets one process at a time in, so that two don't write one download."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Lock(path.with_name(f".{path.name}.lock"), wait=True):
        yield


def _fetch_part(url: str, part: Path, path: Path) -> None:
    """Tries until the whole file is in `part`. A try that received some bytes does not count as a failed one."""
    failed, pause = 0, PAUSE
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _continue(url, part)
            return
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404, 410):
                raise _unreachable(url, path, f"{error.code} {error.reason}") from error
            why: Exception = error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and (error.filename or error.errno in (errno.ENOSPC, errno.EDQUOT)):
                raise  # the disk, not the network
            why = error
        except ValueError as error:  # $ADVLOSS_DATA_URL is no address
            raise _unreachable(url, path, str(error)) from error
        came = part.stat().st_size if part.exists() else 0
        failed = 0 if came > before else failed + 1
        if failed >= TRIES:
            raise _unreachable(url, path, str(getattr(why, "reason", why)) or type(why).__name__) from why
        if failed:
            time.sleep(pause)
            pause *= 2


def _continue(url: str, part: Path) -> None:
    """Makes one request for the missing bytes. Raises if the connection ends before the file does."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range", "") != f"bytes */{start}":  # else all of it was there already
            part.unlink()
            _continue(url, part)
        return
    with response:
        if start and not (response.status == 206 and f"bytes {start}-" in response.headers.get("Content-Range", "")):
            start = 0  # the server sends it from the beginning
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            while block := response.read(BLOCK):
                file.write(block)
                bar.update(len(block))
            got = file.tell()
    if total is not None and got != total:
        raise ConnectionError(f"the connection ended after {got} of {total} bytes")


def _unreachable(url: str, path: Path, why: str) -> InputError:
    return InputError(f"can't download {url} ({why}). Get the file by other means and put it at {path}")


def _record(path: Path) -> Path:
    return path.with_name("checksums.json")


def _recorded(path: Path) -> dict[str, str]:
    record = _record(path)
    if not record.exists():
        return {}
    try:
        return dict(json.loads(record.read_text()))
    except ValueError as error:
        raise InputError(f"{record} is damaged ({error}); remove it") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(part: Path, path: Path) -> None:
    """Removes `part` and raises if its SHA-256 is not the one recorded for `path`."""
    known = _recorded(path).get(path.name)
    if known is None:
        return
    found = _sha256(part)
    if found != known:
        part.unlink()
        raise InputError(
            f"{path.name}: its SHA-256 is {found}, not {known} as at its first use. If the published file has changed "
            f"and you trust it, remove its line from {_record(path)}"
        )
