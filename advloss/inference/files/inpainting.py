"""Fills holes in picture files. Outside of the holes results have the pictures' own pixels, alpha and metadata."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.storage.files import Inputs, closed_named
from advloss.core.words import some
from advloss.data.formats import FieldFormat
from advloss.images.names import by_name
from advloss.images.picture import Picture, rows_of
from advloss.images.reading import is_image, list_images, read_picture
from advloss.images.writing import check_size, format_of, reductions
from advloss.inference.files.background import BackgroundReader, BackgroundWriter
from advloss.inference.files.convert import Writing, open_jobs, writable
from advloss.inference.files.jobs import Job
from advloss.inference.files.summary import SEVERAL, Remarks, Say, Skipped, Summary, failures_named, reporter
from advloss.inference.formats import misfit, to_pixels, to_tensor
from advloss.inference.masks import read_mask
from advloss.inference.model import Model

LOSSY = {
    name: f"{name} files are compressed anew, which changes pixels outside of the holes too; --format png keeps them"
    for name in ("JPEG", "WEBP")
}


def inpaint_files(model: Model, source: Path, masks: Path, target: Path, writing: Writing, *, say: Say) -> Summary:
    """Fills the holes of a picture, or of every picture below a folder, whose tree is kept.

    masks: the picture's mask, white in holes and as large as the picture; or a folder of masks under the pictures'
    names, with any extension. A picture without a mask, or with one of another size, is named and skipped. Raises
    InputError as `open_jobs` does, and for masks that are no folder where the pictures are one.
    """
    model.use("inpaint")
    summary = Summary("filled")
    skipped = reporter(summary, say)
    jobs = open_jobs(source, target, writing, skipped, say, model.file)
    with closed_named():
        known = _masks(source, masks, jobs, skipped, say)
        jobs = [job for job in jobs if job.source in known]
        jobs = writable(jobs, Inputs(known.values()), writing.overwrite, skipped)
    remarks = Remarks()
    try:
        with (
            BackgroundReader(jobs, 1, writing.overwrite) as reading,
            BackgroundWriter(summary, skipped) as write,
        ):
            for job, coming in tqdm(reading, unit="picture", disable=None if len(jobs) > 1 else True):
                with failures_named(skipped, job.source, job.result):
                    read = coming.result()
                    if read is None:
                        summary.present += 1
                        continue
                    picture = read.picture or read_picture(job.source)
                    made = rows_of(_filled(model, job, picture, read_mask(known[job.source]), known[job.source]))
                    check_size(job.result, made.height, made.width)
                    lossy = [words for name, words in LOSSY.items() if name == format_of(job.result).name]
                    for what in [*reductions(job.result, made), *lossy, *[SEVERAL] * read.several]:
                        remarks.add(what, job.source)
                    write(job.source, job.result, made)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    finally:
        remarks.tell(say)
    return summary


def _masks(source: Path, masks: Path, jobs: list[Job], skipped: Skipped, say: Say) -> dict[Path, Path]:
    """The mask of each picture that has one."""
    if not source.is_dir():
        if not masks.is_file():
            raise InputError(f"{masks}: {'is a folder' if masks.is_dir() else 'no such file'}; name the picture's mask")
        if not is_image(masks):
            raise InputError(f"{masks}: is not named as a picture; rename it if it is one")
        return {source: masks}
    if not masks.is_dir():
        raise InputError(
            f"{masks}: is no folder, and {source} is one; name a folder of masks under the pictures' names"
        )
    named = by_name(masks, list_images(masks))
    keys = {job.source: job.source.relative_to(source).with_suffix("").as_posix() for job in jobs}
    for path, key in keys.items():
        if key not in named:
            skipped(f"{path}: has no mask {masks / key}.png, or with another extension")
    if unused := [str(mask) for key, mask in named.items() if key not in keys.values()]:
        say(f"{masks}: masks of no picture: {some(unused)}")
    return {path: named[key] for path, key in keys.items() if key in named}


def _filled(model: Model, job: Job, picture: Picture, mask: np.ndarray, file: Path) -> Picture:
    """The picture with its holes filled. Raises InputError for a mask of another size, and for a picture that the
    model can't fill."""
    height, width = picture.pixels.shape[:2]
    if mask.shape != (height, width):
        size = f"{mask.shape[1]}x{mask.shape[0]} pixels"
        raise InputError(f"{file}: the mask is {size}, and {job.source} is {width}x{height}; make them equal")
    takes = model.format(model.use("inpaint").field)  # type: ignore[union-attr]
    pixels, alpha = picture.pixels, picture.alpha
    with_alpha = alpha is not None and pixels.shape[2] + 1 == takes.channels
    if with_alpha and alpha is not None:
        pixels = np.concatenate([pixels, alpha[..., None]], axis=2)
    if why := _misfit(pixels, takes):
        raise InputError(f"{job.source}: {why}")
    made = model.filled(to_tensor(pixels, takes), torch.from_numpy(mask))
    if not made.isfinite().all():
        raise InputError(f"{job.source}: the network's output is not a number in places")
    if made.shape[1] > pixels.shape[2]:  # grey was repeated for a model of colours
        made = made.mean(1, keepdim=True)
    result = np.where(mask[..., None], to_pixels(made, pixels.dtype, replace(takes, channels=made.shape[1])), pixels)
    if with_alpha:
        return replace(picture, pixels=result[..., :-1], alpha=result[..., -1])
    return replace(picture, pixels=result)


def _misfit(pixels: np.ndarray, takes: FieldFormat) -> str | None:
    if (pixels.shape[2], takes.channels) == (3, 1):
        return "has colours, and the model was trained on grey pictures: it can't fill holes in colour"
    return misfit(pixels, takes)
