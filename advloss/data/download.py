"""Downloads a file: resumes and retries it within bounds, and compares its SHA-256.

That is the published one, or where none is known that of the first download. What can't be right is never left behind.
"""

import errno
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.data.checksums_file import recorded, records, sha256

TIMEOUT = 30.0
"""In seconds without a byte."""
TRIES = 4
"""How many tries in a row may bring nothing."""
PAUSE = 1.0
"""In seconds before the second such try; doubled before each further one; after progress it is this again."""
PATIENCE, SLOWEST = 600.0, 2048
"""A download may take so many seconds, and one more for each so many bytes that came; then it is given up."""
BYTES_MOST = 2**37
"""Of one file: the largest published has 8 GB."""
BLOCK = 2**20
REFUSED = (401, 403, 404, 410)


class _Unusable(Exception):
    """What a server says that no further try will mend."""


def fetch(urls: Sequence[str], path: Path, published: str | None = None) -> Path:
    """The file at the first of the addresses that answers, as `path`.

    published: its SHA-256 in hexadecimal; if None, that of an earlier download, if there was one. A file that differs
    is removed and refused. A file that exists (put there by hand, or downloaded before) is used as it is. Raises
    `InputError`, and `OSError` if `path` can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = path.with_name(path.name + ".part")
        _from_any(urls, part, path)
        _compare(part, path, published)
        part.replace(path)
    return path


def _from_any(urls: Sequence[str], part: Path, path: Path) -> None:
    """Fetches from the first address that answers; the next is tried where one can't be reached."""
    for url, following in zip(urls, [*urls[1:], None], strict=True):
        try:
            _fetch_part(url, part, path)
            return
        except InputError as error:
            if following is None or isinstance(error.__cause__, urllib.error.HTTPError):
                raise  # the server answered
            tqdm.write(f"{error.args[0].split('. Get')[0]}; trying {following}")


def _fetch_part(url: str, part: Path, path: Path) -> None:
    """Tries until the whole file is in `part`. A try that received some bytes does not count as a failed one."""
    failed, pause, clock = 0, PAUSE, _Clock()
    while True:
        before = _size(part)
        try:
            _continue(url, part, clock)
            return
        except urllib.error.HTTPError as error:
            if error.code in REFUSED:
                raise _unreachable(url, path, _words(error)) from error
            why: Exception = error
        except (_Unusable, ValueError) as error:  # ValueError: $ADVLOSS_DATA_URL is no address
            raise _unreachable(url, path, _words(error)) from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and (error.filename or error.errno in (errno.ENOSPC, errno.EDQUOT)):
                raise  # the disk, not the network
            why = error
            if isinstance(error, urllib.error.URLError) and isinstance(error.reason, ssl.SSLError):
                raise _unreachable(url, path, _words(error)) from error
        progress = _size(part) > before
        failed, pause = (0, PAUSE) if progress else (failed + 1, pause)
        if failed >= TRIES:
            raise _unreachable(url, path, _words(why)) from why
        if failed:
            time.sleep(pause)
            pause *= 2


class _Clock:
    """The bound on one download in all: on its time, by what it brought, and on its bytes."""

    def __init__(self) -> None:
        self.began, self.came = time.monotonic(), 0

    def add(self, count: int, size: int) -> None:
        """Counts `count` bytes that came; the file has `size` by now. Raises _Unusable beyond the bound."""
        self.came += count
        took = time.monotonic() - self.began
        if took > PATIENCE + self.came / SLOWEST:
            raise _Unusable(f"it is too slow: {self.came:,} bytes in {took:.0f} s")
        if size > BYTES_MOST or self.came > 2 * BYTES_MOST:
            raise _Unusable(f"it is more than {BYTES_MOST:,} bytes long")


def _continue(url: str, part: Path, clock: _Clock) -> None:
    """Makes one request for the missing bytes. Raises if the connection ends before the file does."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        if error.headers.get("Content-Range", "") != f"bytes */{start}":  # else all of it was there already
            part.unlink()
            raise ConnectionError(f"the server has no bytes from {start}") from error
        return
    with response:
        if url.startswith("https:") and not response.geturl().startswith("https:"):
            raise _Unusable("it is sent on to an address without https")
        if start and not (response.status == 206 and f"bytes {start}-" in response.headers.get("Content-Range", "")):
            start = 0  # the server sends it from the beginning
        total = _total(response, start)
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            # read1 gives what has come: a block that stalls is not lost
            while block := response.read1(BLOCK):
                file.write(block)
                bar.update(len(block))
                clock.add(len(block), file.tell())
            got = file.tell()
    if total is not None and got != total:
        raise ConnectionError(f"the connection ended after {got} of {total} bytes")
    if not got:
        part.unlink()
        raise ConnectionError("the server sent an empty file")


def _total(response: Any, start: int) -> int | None:
    """The bytes that the whole file has, if the server says so."""
    length = response.headers.get("Content-Length")
    if length is None:
        return None
    if not length.strip().isdecimal():
        raise _Unusable(f"the server says a length of {length[:40]!r}")
    if int(length) > BYTES_MOST:
        raise _Unusable(f"it is more than {BYTES_MOST:,} bytes long")
    return start + int(length)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _words(error: Exception) -> str:
    """What went wrong, in one printable line: a part of it may be the server's own words."""
    reason = str(getattr(error, "reason", error)) or type(error).__name__
    line = " ".join(f"{error.code} {reason}".split() if isinstance(error, urllib.error.HTTPError) else reason.split())
    return (line if line.isprintable() else repr(line))[:200]


def _unreachable(url: str, path: Path, why: str) -> InputError:
    return InputError(f"can't download {url} ({why}). Get the file by other means and put it at {path}")


def _compare(part: Path, path: Path, published: str | None) -> None:
    """Removes `part` and raises if its SHA-256 is neither the published nor the recorded one."""
    known = published or recorded(path)
    if known is None:
        return
    found = sha256(part)
    if found == known:
        return
    part.unlink()
    if published:
        raise InputError(
            f"{path.name}: its SHA-256 is {found}, not the published {known}. If the published file has changed and "
            f"you trust it, download it yourself and put it at {path}"
        )
    raise InputError(
        f"{path.name}: its SHA-256 is {found}, not {known} as at its first use. If the published file has changed "
        f"and you trust it, remove its line from {records(path)}"
    )
