"""Applies a model to files and folders. A bad file is skipped and named; no file is left half-written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.files import check_open, closed_named
from advloss.data.formats import FieldFormat
from advloss.images.picture import Picture, PictureRows
from advloss.images.reading import read_picture
from advloss.images.writing import check_size, format_of, reduction
from advloss.inference.files.background import BackgroundReader, BackgroundWriter, Read
from advloss.inference.files.jobs import Job, plan
from advloss.inference.files.pixels import Conversion, translated, upscaled
from advloss.inference.files.summary import Say, Skipped, Summary, failures_named, once, reporter
from advloss.inference.model import Model
from advloss.inference.tiles.options import AUTO, TileOptions
from advloss.inference.tiles.tiler import Tiler, TileTooSmall
from advloss.inference.upscaler import Upscaler


@dataclass(frozen=True)
class Writing:
    """How results are written. form: their extension without the dot; None: each file's own.

    overwrite: whether existing results are replaced; if not, their pictures are skipped.
    """

    form: str | None = None
    overwrite: bool = False


SKIPPING = Writing()


def translate_files(
    model: Model,
    source: Path,
    target: Path,
    direction: str | None = None,
    options: TileOptions = AUTO,
    writing: Writing = SKIPPING,
    *,
    say: Say,
) -> Summary:
    """Translates a file or a folder; see `convert_files`. direction: None is the model's first one."""
    way = model.direction(direction)
    takes, gives = model.format(way.takes), model.format(way.gives)
    with TileBar(source.is_file()) as bar:
        seed = model.recipe.seed
        tiler = Tiler(model.network(way), options, channels=takes.channels, say=say, tick=bar, seed=seed)
        by = Conversion(tiler.bands, takes, gives)
        return convert_files(translated, by, source, target, Summary("translated"), writing, say=say)


def upscale_files(
    upscaler: Upscaler,
    source: Path,
    target: Path,
    options: TileOptions = AUTO,
    writing: Writing = SKIPPING,
    *,
    say: Say,
) -> Summary:
    """Enlarges a file or a folder; see `convert_files`."""
    with TileBar(source.is_file()) as bar:
        tiler = Tiler(upscaler.network, options, channels=upscaler.takes.channels, say=say, tick=bar)
        by = Conversion(tiler.bands, upscaler.takes, upscaler.gives, tiler.scale)
        return convert_files(upscaled, by, source, target, Summary("upscaled"), writing, say=say)


class TileBar:
    """A progress bar of tiles, for a single picture. A picture with alpha has two: alpha's, then the colours'."""

    new: ClassVar[Callable[..., Any]] = tqdm

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """done: how many tiles are done, of `total`."""
        if not self.wanted:
            return
        if self.bar is None or done < self.bar.n:
            self.close()
            self.bar = self.new(unit="tile", disable=None)
        self.bar.total = total  # it grows if memory runs out
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Closes the bar."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> "TileBar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def convert_files(
    convert: Callable[[Picture, Conversion], PictureRows],
    by: Conversion,
    source: Path,
    target: Path,
    summary: Summary,
    writing: Writing = SKIPPING,
    *,
    say: Say,
) -> Summary:
    """Converts a file, or every picture in a folder, whose tree is kept. Existing results are not made again.

    convert: makes the result of a picture, `by` a network. An error of one file is shown and counted in the summary,
    and does not stop the others. What is lost of a picture is shown too, once: further pages, colours that become grey,
    and what the format can't hold. Pictures are read and written in the background, see `background`.

    Raises InputError if there is nothing to convert, if a single target exists, if the target can't be written to, and
    for a tile that is no larger than its overlap. Raises Interrupted on Ctrl-C, with the summary: finished files stay,
    and the same call goes on from there.
    """
    skipped = reporter(summary, say)
    jobs = open_jobs(source, target, writing, skipped)
    say_once = once(say)
    try:
        with (
            BackgroundReader(jobs, by.scale, writing.overwrite) as reading,
            BackgroundWriter(summary, skipped) as write,
        ):
            for job, coming in tqdm(reading, unit="picture", disable=None if len(jobs) > 1 else True):
                with failures_named(skipped, job.source, job.result):
                    read = coming.result()
                    if read is None:
                        summary.present += 1
                    else:
                        write(job.source, job.result, _converted(convert, by, job, read, say_once))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    return summary


def open_jobs(source: Path, target: Path, writing: Writing, skipped: Skipped) -> list[Job]:
    """The jobs of `plan`. Raises InputError if results can't be written, or if the result of a single job exists."""
    with closed_named():
        jobs = plan(source, target, writing.form, skipped)
        if source.is_file() and jobs[0].result.exists() and not writing.overwrite:
            raise InputError(f"{jobs[0].result} exists; --overwrite replaces it")
        check_open(target if source.is_dir() else jobs[0].result.parent)
    return jobs


def _converted(
    convert: Callable[[Picture, Conversion], PictureRows], by: Conversion, job: Job, read: Read, say_once: Say
) -> PictureRows:
    picture = read_picture(job.source) if read.picture is None else read.picture
    if read.pages > 1:
        say_once(f"{job.source}: has {read.pages} pages, the first is used")
    if (picture.pixels.shape[2], by.takes.channels) == (3, 1):
        say_once("the model was trained on grey pictures: of colours it is given the luma (ITU-R BT.601)")
    check_depth(job.result, by.gives)
    if reduced := reduction(job.result, picture):
        say_once(reduced)
    height, width = picture.pixels.shape[:2]
    check_size(job.result, height * by.scale, width * by.scale)
    check_open(job.result.parent)
    with _source_named(job):
        made = convert(picture, by)
    return replace(made, rows=_rows(made, job))


def _rows(picture: PictureRows, job: Job) -> Iterator[np.ndarray]:
    """The rows, which are computed here, so that errors of the network come from here too."""
    with _source_named(job):
        yield from picture.rows


@contextmanager
def _source_named(job: Job) -> Iterator[None]:
    """A context in which errors say which file they are about."""
    try:
        yield
    except TileTooSmall:
        raise
    except InputError as error:
        raise InputError(f"{job.source}: {error}") from None


def check_depth(result: Path, gives: FieldFormat) -> None:
    """Raises InputError for a file that can't hold the 16 bits or floats that a model makes."""
    form = format_of(result)
    if gives.depth == 16 and 16 not in form.depths:
        raise InputError(
            f"{result}: {form.name} files hold 8 bits a channel, and this model makes 16; use PNG or TIFF: --format png"
        )
    if gives.depth == "float" and "float" not in form.depths:
        raise InputError(f"{result}: {form.name} files hold no floats, and this model makes them; use TIFF or .npy")
