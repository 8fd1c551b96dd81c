"""Files and folders through a model: one bad file is named, the rest is still done, and no file is half-written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from torch import nn
from tqdm import tqdm

from advloss.data.images import Picture, page_count, read_picture
from advloss.data.writing import check_size, reduction, write_picture
from advloss.errors import InputError, Interrupted
from advloss.inference.jobs import Job, check_open, closed_named, plan
from advloss.inference.memory import out_of_memory
from advloss.inference.model import Model
from advloss.inference.pictures import translated, upscaled
from advloss.inference.tiling import Tiler, TileTooSmall

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What became of the files: how many were written, and why others were not.

    done: what is done to a picture, in one word: `translated`, `upscaled`.
    """

    done: str
    written: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)

    def words(self) -> str:
        """`12 pictures written, 3 were there already (--overwrite replaces them), 1 could not be translated`."""
        parts = [f"{self.written} picture{'s' * (self.written != 1)} written"]
        if self.present:
            parts.append(f"{self.present} were there already (--overwrite replaces them)")
        if self.failed:
            parts.append(f"{len(self.failed)} could not be {self.done}")
        return ", ".join(parts)

    def check(self) -> None:
        """InputError that names all that failed, if any did."""
        if self.failed:
            raise InputError("\n".join([f"these could not be {self.done}:", *self.failed]))


def translate_files(
    model: Model, source: Path, target: Path, direction: str | None, options: dict[str, Any], **writing: Any
) -> Outcome:
    """Translates a file or a folder. options: those of `Tiler`; writing: those of `convert_files`."""
    model.check_translates()
    with TileBar(source.is_file()) as bar:
        tiler = model.tiler(direction, **options, tick=bar)

        def convert(picture: Picture) -> Picture:
            return translated(picture, tiler.bands)

        return convert_files(convert, source, target, Outcome("translated"), **writing)


def upscale_files(network: nn.Module, source: Path, target: Path, options: dict[str, Any], **writing: Any) -> Outcome:
    """Enlarges a file or a folder. options: those of `Tiler`; writing: those of `convert_files`."""
    with TileBar(source.is_file()) as bar:
        tiler = Tiler(network, **options, tick=bar)

        def convert(picture: Picture) -> Picture:
            return upscaled(picture, tiler.bands, tiler.scale)

        return convert_files(convert, source, target, Outcome("upscaled"), scale=tiler.scale, **writing)


class TileBar:
    """A bar of tiles, where one picture is all there is to do; a picture with alpha has two, colours' after alpha's."""

    new: ClassVar[Callable[..., Any]] = tqdm

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """So many tiles are done, of so many."""
        if not self.wanted:
            return
        if self.bar is None or done < self.bar.n:
            self.close()
            self.bar = self.new(unit="tile", disable=None)
        self.bar.total = total  # it grows where memory runs out
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Leaves the bar as it stands."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> "TileBar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def convert_files(
    convert: Callable[[Picture], Picture],
    source: Path,
    target: Path,
    outcome: Outcome,
    *,
    say: Say,
    scale: int = 1,
    form: str | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Converts a file, or every picture in a folder (its tree is kept); results that are there already are skipped.

    convert: the picture to its result, `scale` times as large; form: the results' extension without the dot, each
    file's own if None. Whatever goes wrong with one file is said, counted in the outcome, and does not stop the others.
    Said, too, is what of a picture is not in its result: further pages, and what the format can't hold (once for all).
    Raises InputError if there is nothing to convert, or a single target exists, or the target can't be written to, and
    for a tile that has no room beside its overlap; Interrupted, with what was done, on Ctrl-C: finished files stay, and
    the same call goes on from there.
    """
    left_out = reporter(outcome, say)
    jobs = open_jobs(source, target, form, overwrite, left_out)
    said: set[str] = set()

    def say_once(words: str) -> None:
        if words not in said:
            said.add(words)
            say(words)

    try:
        for job in tqdm(jobs, unit="picture", disable=None if len(jobs) > 1 else True):
            with failures_named(left_out, job.source, job.result):
                if job.result.exists() and not overwrite:
                    outcome.present += 1
                else:
                    _convert(convert, job, scale, say_once)
                    outcome.written += 1
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {outcome.words()}; the same command goes on from there") from None
    return outcome


def reporter(outcome: Outcome, say: Say) -> Callable[[object], None]:
    """What is to be told of each picture that is left out: it is said, and counted in the outcome."""

    def left_out(why: object) -> None:
        outcome.failed.append(str(why))
        say(f"left out: {why}")

    return left_out


def open_jobs(
    source: Path, target: Path, form: str | None, overwrite: bool, left_out: Callable[[object], None]
) -> list[Job]:
    """What `plan` gives, once it is known that results can be written and that no single one would be replaced."""
    with closed_named():
        jobs = plan(source, target, form, left_out)
        if source.is_file() and jobs[0].result.exists() and not overwrite:
            raise InputError(f"{jobs[0].result} exists; --overwrite replaces it")
        check_open(target if source.is_dir() else jobs[0].result.parent)
    return jobs


@contextmanager
def failures_named(left_out: Callable[[object], None], source: object, result: Path) -> Iterator[None]:
    """Whatever goes wrong inside with one picture is told to `left_out`, in a sentence, and goes no further.

    But for a tile that has no room for its overlap: that is no picture's fault.
    """
    try:
        yield
    except TileTooSmall:
        raise  # as it would with any picture
    except InputError as error:
        left_out(error)
    except OSError as error:
        left_out(f"{result}: can't be written ({error.strerror or error})")
    except (MemoryError, RuntimeError) as error:
        short = out_of_memory(error)
        left_out(f"{source}: {'there is not enough memory for it' if short else error}")


def _convert(convert: Callable[[Picture], Picture], job: Job, scale: int, say_once: Say) -> None:
    picture = read_picture(job.source)
    pages = page_count(job.source)
    if pages > 1:
        say_once(f"{job.source}: has {pages} pages, the first is used")
    if reduced := reduction(job.result, picture):
        say_once(reduced)
    height, width = picture.pixels.shape[:2]
    check_size(job.result, height * scale, width * scale)
    check_open(job.result.parent)
    try:
        result = convert(picture)
    except TileTooSmall:
        raise
    except InputError as error:
        raise InputError(f"{job.source}: {error}") from None
    job.result.parent.mkdir(parents=True, exist_ok=True)
    write_picture(job.result, result)
