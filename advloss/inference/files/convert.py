"""Files and folders through a model: one bad file is named, the rest is still done, and no file is half-written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from torch import nn
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.files import check_open, closed_named
from advloss.images.reading import Picture, check_colour, read_picture
from advloss.images.writing import check_size, reduction
from advloss.inference.files.background import BackgroundReader, BackgroundWriter, Read
from advloss.inference.files.jobs import Job, plan
from advloss.inference.files.pixels import translated, upscaled
from advloss.inference.files.summary import Say, Skipped, Summary, failures_named, reporter
from advloss.inference.model import Model
from advloss.inference.tiles.tiler import Tiler, TileTooSmall


def translate_files(
    model: Model, source: Path, target: Path, direction: str | None, options: dict[str, Any], **writing: Any
) -> Summary:
    """Translates a file or a folder. options: those of `Tiler`; writing: those of `convert_files`."""
    model.check_translates()
    with TileBar(source.is_file()) as bar:
        tiler = model.tiler(direction, **options, tick=bar)

        def convert(picture: Picture) -> Picture:
            return translated(picture, tiler.bands)

        return convert_files(convert, source, target, Summary("translated"), **writing)


def upscale_files(network: nn.Module, source: Path, target: Path, options: dict[str, Any], **writing: Any) -> Summary:
    """Enlarges a file or a folder. options: those of `Tiler`; writing: those of `convert_files`."""
    with TileBar(source.is_file()) as bar:
        tiler = Tiler(network, **options, tick=bar)

        def convert(picture: Picture) -> Picture:
            return upscaled(picture, tiler.bands, tiler.scale)

        return convert_files(convert, source, target, Summary("upscaled"), scale=tiler.scale, **writing)


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
    outcome: Summary,
    *,
    say: Say,
    scale: int = 1,
    form: str | None = None,
    overwrite: bool = False,
) -> Summary:
    """Converts a file, or every picture in a folder (its tree is kept); results that are there already are skipped.

    convert: the picture to its result, `scale` times as large; form: the results' extension without the dot, each
    file's own if None. Whatever goes wrong with one file is said, counted in the outcome, and does not stop the others.
    Said, too, is what of a picture is not in its result: further pages, and what the format can't hold (once for all).
    Raises InputError if there is nothing to convert, or a single target exists, or the target can't be written to, and
    for a tile that has no room beside its overlap; Interrupted, with what was done, on Ctrl-C: finished files stay, and
    the same call goes on from there. Pictures are read and written on threads meanwhile: see `beside`.
    """
    skipped = reporter(outcome, say)
    jobs = open_jobs(source, target, form, overwrite, skipped)
    said: set[str] = set()

    def say_once(words: str) -> None:
        if words not in said:
            said.add(words)
            say(words)

    try:
        with BackgroundReader(jobs, scale, overwrite) as reading, BackgroundWriter(outcome, skipped) as write:
            for job, coming in tqdm(reading, unit="picture", disable=None if len(jobs) > 1 else True):
                with failures_named(skipped, job.source, job.result):
                    read = coming.result()
                    if read is None:
                        outcome.present += 1
                    else:
                        write(job.source, job.result, _converted(convert, job, read, scale, say_once))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {outcome.words()}; the same command goes on from there") from None
    return outcome


def open_jobs(source: Path, target: Path, form: str | None, overwrite: bool, skipped: Skipped) -> list[Job]:
    """What `plan` gives, once it is known that results can be written and that no single one would be replaced."""
    with closed_named():
        jobs = plan(source, target, form, skipped)
        if source.is_file() and jobs[0].result.exists() and not overwrite:
            raise InputError(f"{jobs[0].result} exists; --overwrite replaces it")
        check_open(target if source.is_dir() else jobs[0].result.parent)
    return jobs


def _converted(convert: Callable[[Picture], Picture], job: Job, read: Read, scale: int, say_once: Say) -> Picture:
    picture = read_picture(job.source) if read.picture is None else read.picture
    check_colour(job.source, picture)
    if read.pages > 1:
        say_once(f"{job.source}: has {read.pages} pages, the first is used")
    if reduced := reduction(job.result, picture):
        say_once(reduced)
    height, width = picture.pixels.shape[:2]
    check_size(job.result, height * scale, width * scale)
    check_open(job.result.parent)
    try:
        return convert(picture)
    except TileTooSmall:
        raise
    except InputError as error:
        raise InputError(f"{job.source}: {error}") from None
