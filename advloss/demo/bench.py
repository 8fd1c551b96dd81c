"""Where jobs are done: one at a time, on one thread, each in a folder of its own that is removed after it."""

import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from torch import nn

from advloss.core.errors import Interrupted
from advloss.core.threads import SharedCores
from advloss.demo.uploads import Limits
from advloss.inference.files.summary import Say

Made = TypeVar("Made")
ENDED = "the demo has ended"
NAMES = {"given": "the upload", "masks": "the masks", "made": "the results", "shown": "the previews"}
"""A job's folders, and what they are called in messages."""


@dataclass(frozen=True)
class Job:
    """A job's folders: `given` for what was uploaded, `made` for results to download, `shown` for previews. lines:
    what is said to the user."""

    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def given(self) -> Path:
        """Of the uploaded pictures; it is made by who fills it."""
        return self.folder / "given"

    @property
    def masks(self) -> Path:
        """Of the uploaded masks; it is made by who fills it."""
        return self.folder / "masks"

    @property
    def made(self) -> Path:
        """Of the results."""
        return self.folder / "made"

    @property
    def shown(self) -> Path:
        """Of the previews."""
        return self.folder / "shown"


class Bench:
    """Does jobs, one at a time. folder: the demo's own; results are handed out from `public`, which the page serves.

    Use it as a context manager: at its end the running job stops at the next call of a network.
    """

    def __init__(self, folder: Path, limits: Limits, say: Say) -> None:
        self.limits, self.say = limits, say
        self.jobs, self.public = folder / "jobs", folder / "public"
        for place in (self.jobs, self.public):
            place.mkdir()
        self._paths = re.compile(re.escape(str(self.jobs)) + rf"/\w+/({'|'.join(NAMES)})(/?)")
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(1, "jobs")

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def watch(self, *networks: nn.Module) -> None:
        """Makes calls of these networks end the job when the demo ends, and leave busy cores to other programs."""
        SharedCores(self.say).watch(*networks)
        for network in networks:
            network.register_forward_pre_hook(self._go_on)

    def do(self, work: Callable[[Job], Made]) -> tuple[Made, list[str]]:
        """What `work` makes of a new job, and the lines that it said. Errors have the names of files as their users
        know them, without the job's folder."""
        try:
            return self._pool.submit(self._done, work).result()
        except (CancelledError, RuntimeError):
            if self._stopping.is_set():
                raise Interrupted(ENDED) from None
            raise

    def words(self, text: object) -> str:
        """A message without the names of the demo's folders."""
        return self._paths.sub(lambda found: "" if found[2] else NAMES[found[1]], str(text))

    def _done(self, work: Callable[[Job], Made]) -> tuple[Made, list[str]]:
        with self._job() as job:
            made = work(job)
            return made, [self.words(line) for line in job.lines]

    @contextmanager
    def _job(self) -> Iterator[Job]:
        job = Job(self.jobs / secrets.token_hex(8))
        for place in (job.made, job.shown):
            place.mkdir(parents=True)
        try:
            yield job
        finally:
            shutil.rmtree(job.folder, ignore_errors=True)

    def publish(self, *files: Path) -> list[str]:
        """Moves a job's files to where the page may serve them, under names that nobody can guess."""
        folder = self.public / secrets.token_hex(16)
        folder.mkdir()
        return [str(file.replace(folder / file.name)) for file in files]

    def _go_on(self, *_: object) -> None:
        if self._stopping.is_set():
            raise Interrupted(ENDED)


def packed(folder: Path, to: Path) -> Path:
    """Writes a ZIP of all files below a folder; its bytes follow from theirs. They are stored, as pictures are
    compressed already."""
    with zipfile.ZipFile(to, "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as target, file.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
    return to
