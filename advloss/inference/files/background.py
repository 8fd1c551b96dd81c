"""Background reading and writing: while the network works, one thread reads the next pictures, and one writes results.

Messages and counts are done in the thread that uses these classes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from advloss.core.storage.files import make_folder
from advloss.images.picture import Picture, PictureRows, rows_of
from advloss.images.reading import read_header, read_picture
from advloss.images.writing import write_rows
from advloss.inference.files.jobs import Job
from advloss.inference.files.moving import Kind, is_video, kind_of
from advloss.inference.files.summary import Skipped, Summary, failures_named

PREFETCHED = 2
"""How many pictures are read in advance, at most."""
LARGE = 1 << 25
"""If a result has more pixels, its picture is not read in advance, and its rows are written as the network makes them,
so that it is never in memory as a whole."""


@dataclass(frozen=True)
class Read:
    """A file that was looked at. picture: None if it is too large to be read in advance, or moves. several: whether the
    file holds further pictures. moving: an animation or a video, whose frames are all converted."""

    picture: Picture | None
    several: bool
    moving: Kind | None = None


class BackgroundReader:
    """Yields each job with a future of its source's `Read`, or of None if the result exists already.

    The future raises an error if the file can't be read. scale: of a result's sides; overwrite: whether existing
    results are replaced; moving: whether animations and videos are converted frame by frame. Use it as a context
    manager, which ends the thread.
    """

    def __init__(self, jobs: Sequence[Job], scale: int, overwrite: bool, moving: bool = False) -> None:
        self.jobs, self.scale, self.overwrite, self.moving = jobs, scale, overwrite, moving
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
            if len(coming) > PREFETCHED:
                yield coming.popleft()
        while coming:
            yield coming.popleft()

    def _read(self, job: Job) -> Read | None:
        if job.result.exists() and not self.overwrite:
            return None
        if self.moving and is_video(job.source):
            return Read(None, False, "video")
        header = read_header(job.source)
        if self.moving and (kind := kind_of(job.source, job.result, header.several)):
            return Read(None, True, kind)
        height, width = header.size
        large = height * width * self.scale**2 > LARGE
        return Read(None if large else read_picture(job.source), header.several)


class BackgroundWriter:
    """Writes pictures on a thread, one at a time. A call first waits until the last picture is written, and counts it.

    Use it as a context manager. When it ends, also by Ctrl-C, each picture is written and counted, or reported to
    `skipped`.
    """

    def __init__(self, summary: Summary, skipped: Skipped) -> None:
        self.summary, self.skipped = summary, skipped
        self._pool = ThreadPoolExecutor(1, "writing")
        self._last: tuple[object, Path, Future[None]] | None = None

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def __call__(self, source: object, result: Path, picture: PictureRows) -> None:
        """Writes `result`, and makes its folders first. source: the file's name in an error's message.

        A large picture is written by the thread that calls, row by row; an error of that is raised.
        """
        if picture.height * picture.width > LARGE:
            self.wait()
            self._write(result, picture)
            return
        whole = rows_of(picture.whole())  # computed here, while the last one is being written
        self.wait()
        self._last = source, result, self._pool.submit(self._write, result, whole)

    def wait(self) -> None:
        """Waits until nothing is being written."""
        if self._last is None:
            return
        source, result, written = self._last
        wait([written])  # after Ctrl-C here it is waited for at the end
        self._last = None
        with failures_named(self.skipped, source, result):
            written.result()

    def _write(self, result: Path, picture: PictureRows) -> None:
        """Writes a result and counts it, in one thread, so that a Ctrl-C elsewhere can't come between."""
        make_folder(result.parent)
        write_rows(result, picture)
        self.summary.written += 1
