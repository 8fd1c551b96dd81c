"""Files beside the network: the next pictures are read, and results written, on threads while it works.

Whoever calls does all the rest, so that what is said and counted comes from one thread.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from advloss.images.reading import Picture, page_count, read_header, read_picture
from advloss.images.writing import write_picture
from advloss.inference.files.jobs import Job
from advloss.inference.files.summary import Skipped, Summary, failures_named

AHEAD = 2
"""Pictures that are read before their turn, at most."""
LARGE = 1 << 25
"""Pixels of a result above which its picture is not read before its turn, and nothing goes on while it is written."""


@dataclass(frozen=True)
class Read:
    """A picture's file. picture: None where it is too large to be read before its turn."""

    picture: Picture | None
    pages: int


class BackgroundReader:
    """Each job with the coming `Read` of its source, or None where its result is there already.

    Whatever goes wrong with a file is raised by the future. scale: of a result's sides; overwrite: whether results that
    are there count as none. A context manager, which ends the thread.
    """

    def __init__(self, jobs: Sequence[Job], scale: int, overwrite: bool) -> None:
        self.jobs, self.scale, self.overwrite = jobs, scale, overwrite
        self._pool = ThreadPoolExecutor(1, "reading")

    def __enter__(self) -> "BackgroundReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[tuple[Job, Future[Read | None]]]:
        coming: deque[tuple[Job, Future[Read | None]]] = deque()
        for job in self.jobs:
            coming.append((job, self._pool.submit(self._read, job)))
            if len(coming) > AHEAD:
                yield coming.popleft()
        while coming:
            yield coming.popleft()

    def _read(self, job: Job) -> Read | None:
        if job.result.exists() and not self.overwrite:
            return None
        height, width = read_header(job.source).size
        large = height * width * self.scale**2 > LARGE
        return Read(None if large else read_picture(job.source), page_count(job.source))


class BackgroundWriter:
    """Writes pictures on a thread, one at a time: a call waits until the picture before is written, and counts it.

    A context manager: at its end all are written, counted, or told to `skipped`, and so they are where Ctrl-C ends it.
    """

    def __init__(self, outcome: Summary, skipped: Skipped) -> None:
        self.outcome, self.skipped = outcome, skipped
        self._pool = ThreadPoolExecutor(1, "writing")
        self._last: tuple[object, Path, Future[None]] | None = None

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def __call__(self, source: object, result: Path, picture: Picture) -> None:
        """Writes `result`, the folders above it made first. source: what a failure may be called by."""
        self.wait()
        self._last = source, result, self._pool.submit(_write, result, picture)
        height, width = picture.pixels.shape[:2]
        if height * width > LARGE:
            self.wait()

    def wait(self) -> None:
        """Until nothing is being written."""
        if self._last is None:
            return
        source, result, written = self._last
        wait([written])  # Ctrl-C here leaves it to be counted at the end
        self._last = None
        with failures_named(self.skipped, source, result):
            written.result()
            self.outcome.written += 1


def _write(result: Path, picture: Picture) -> None:
    result.parent.mkdir(parents=True, exist_ok=True)
    write_picture(result, picture)
