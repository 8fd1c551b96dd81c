"""Applies a model to files and folders. A bad file is skipped and named; no file is left half-written."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.storage.files import Inputs, check_open, check_result, closed_named
from advloss.core.words import together
from advloss.data.formats import FieldFormat
from advloss.images.picture import Picture, PictureRows
from advloss.images.reading import UnreadableImage, read_header, read_picture
from advloss.images.writing import check_size, format_of, reductions
from advloss.inference.files.animation import convert_animation
from advloss.inference.files.background import BackgroundReader, BackgroundWriter, Read
from advloss.inference.files.jobs import Job, plan
from advloss.inference.files.moving import Frames, is_video
from advloss.inference.files.pixels import Conversion, translated, upscaled
from advloss.inference.files.summary import SEVERAL, Remarks, Say, Skipped, Summary, failures_named, reporter
from advloss.inference.files.video import convert_video
from advloss.inference.formats import header_misfit
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
MOVING = {"animation": convert_animation, "video": convert_video}
"""What converts the files that are no single pictures."""


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
    with TileBar(source.is_file() and not is_video(source)) as bar:
        seed = model.recipe.seed
        tiler = Tiler(model.network(way), options, channels=takes.channels, say=say, tick=bar, seed=seed)
        by = Conversion(tiler.bands, takes, gives)
        return convert_files(translated, by, source, target, Summary("translated"), writing, model.file, say=say)


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
    with TileBar(source.is_file() and not is_video(source)) as bar:
        tiler = Tiler(upscaler.network, options, channels=upscaler.takes.channels, say=say, tick=bar)
        by = Conversion(tiler.bands, upscaler.takes, upscaler.gives, tiler.scale)
        return convert_files(upscaled, by, source, target, Summary("upscaled"), writing, upscaler.file, say=say)


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
    model: Path | None = None,
    *,
    say: Say,
) -> Summary:
    """Converts a file, or every picture, animation and video in a folder, whose tree is kept. Existing results are not
    made again.

    convert: makes the result of a picture, `by` a network. model: the network's file, which no result may replace.
    A file's error is shown and counted. What is lost of pictures is told at the end. See `background` for the threads.
    Raises InputError if there is nothing to convert, if the target exists or can't be written, and for a tile that is
    no larger than its overlap; Interrupted on Ctrl-C: finished files stay, and the same call goes on from there.
    """
    skipped = reporter(summary, say)
    jobs = open_jobs(source, target, writing, skipped, say, model, moving=True)
    check_some_fit(jobs, by)
    remarks = Remarks()
    try:
        with (
            BackgroundReader(jobs, by.scale, writing.overwrite, moving=True) as reading,
            BackgroundWriter(summary, skipped) as write,
        ):
            for job, coming in tqdm(reading, unit="picture", disable=None if len(jobs) > 1 else True):
                with failures_named(skipped, job.source, job.result):
                    read = coming.result()
                    if read is None:
                        summary.present += 1
                    elif read.moving is not None:
                        write.wait()
                        with _source_named(job):
                            MOVING[read.moving](Frames(convert, by), job.source, job.result)
                        summary.written += 1
                    else:
                        write(job.source, job.result, _converted(convert, by, job, read, remarks))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    finally:
        remarks.tell(say)
    return summary


def open_jobs(
    source: Path,
    target: Path,
    writing: Writing,
    skipped: Skipped,
    say: Say,
    model: Path | None = None,
    *,
    moving: bool = False,
) -> list[Job]:
    """The jobs of `plan` whose results can be written, or exist and are to stay; the others go to `skipped`.

    model: a file that no result may replace. moving: see `plan`. Raises InputError if nothing can be written, or if the
    result of a single job can't be, or exists.
    """
    with closed_named():
        jobs = plan(source, target, writing.form, skipped, say, moving)
        inputs = Inputs([model, *(job.source for job in jobs)])
        if source.is_file():
            check_result(jobs[0].result, inputs)
            if jobs[0].result.exists() and not writing.overwrite:
                raise InputError(f"{jobs[0].result} exists; --overwrite replaces it")
            return jobs
        check_open(target)
        return writable(jobs, inputs, writing.overwrite, skipped)


def writable(jobs: Iterable[Job], inputs: Inputs, overwrite: bool, skipped: Skipped) -> list[Job]:
    """The jobs whose results can be written (`check_result`), or exist and are to stay; the others go to `skipped`."""
    kept = []
    for job in jobs:
        try:
            with closed_named():
                there = job.result.is_file()
            if overwrite or not there:
                check_result(job.result, inputs)
        except InputError as error:
            skipped(error)
        else:
            kept.append(job)
    return kept


def _converted(
    convert: Callable[[Picture, Conversion], PictureRows], by: Conversion, job: Job, read: Read, remarks: Remarks
) -> PictureRows:
    picture = read_picture(job.source) if read.picture is None else read.picture
    check_depth(job.result, by.gives)
    height, width = picture.pixels.shape[:2]
    check_size(job.result, height * by.scale, width * by.scale)
    with _source_named(job):
        made = convert(picture, by)
    if read.several:
        remarks.add(SEVERAL, job.source)
    for what in [*by.reductions(picture), *reductions(job.result, made)]:
        remarks.add(what, job.source)
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
        named = str(error).startswith((str(job.source), str(job.result)))
        raise error if named else InputError(f"{job.source}: {error}") from None


def check_some_fit(jobs: list[Job], by: Conversion) -> None:
    """Raises InputError, one for all, if not one of several pictures has the formats that the model takes and gives."""
    wrong: dict[str, str] = {}
    for job in jobs if len(jobs) > 1 else ():
        if is_video(job.source):
            return
        try:
            check_depth(job.result, by.gives)
            why = header_misfit(read_header(job.source), by.takes)
        except UnreadableImage:
            continue  # it is skipped and named
        except InputError as error:
            wrong[str(job.source)] = str(error)
            continue
        if why is None:
            return
        wrong[str(job.source)] = f"{job.source}: {why}"
    if wrong:
        raise InputError(together(wrong))


def check_depth(result: Path, gives: FieldFormat) -> None:
    """Raises InputError for a file that can't hold the 16 bits or floats that a model makes."""
    if result.suffix.lower() == ".gif":  # of an animation; its frames are checked when they are made
        return
    form = format_of(result)
    if gives.depth == 16 and 16 not in form.depths:
        raise InputError(
            f"{result}: {form.name} files hold 8 bits a channel, and this model makes 16; use PNG or TIFF: --format png"
        )
    if gives.depth == "float" and "float" not in form.depths:
        raise InputError(f"{result}: {form.name} files hold no floats, and this model makes them; use TIFF or .npy")
