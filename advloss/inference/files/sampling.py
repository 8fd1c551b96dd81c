"""Writes the images that a model makes of noise: a file for each, one picture of all, or a walk between them."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.storage.files import Inputs, check_open, check_result, closed_named, make_folder, replacing
from advloss.data.fields import Vector
from advloss.data.formats import FieldFormat
from advloss.images.formats import FORMATS, PNG
from advloss.images.listing import is_image
from advloss.images.picture import Picture, PictureRows, max_pixels, rows_of
from advloss.images.writing import check_size, format_of, write_rows
from advloss.inference.files.background import BackgroundWriter
from advloss.inference.files.convert import Writing, check_depth
from advloss.inference.files.jobs import written_suffix
from advloss.inference.files.summary import Say, Summary, failures_named, reporter
from advloss.inference.formats import result_type, to_pixels
from advloss.inference.generating import GROUP, Sampling, check_count
from advloss.inference.model import Model
from advloss.methods.uses import Generate

DIGITS = 6
"""Of a file's number, so that names sort by it up to a million."""
GAP = 2
"""White pixels between the images of a grid."""
FRAME = 50
"""Milliseconds of each image of an animation."""
UINT8 = np.dtype(np.uint8)


def sample_files(model: Model, target: Path, count: int, options: Sampling, writing: Writing, *, say: Say) -> Summary:
    """Writes images 0 to count - 1 into a folder, as 000000.png and so on. Files that are there are not made again.

    Images are made and written in groups, so any count takes the same memory. Models of floats or of more than four
    channels give .npy, if `writing` names no format. Raises InputError, before anything is written, for a target that
    can't be written to and for what the model does not take; Interrupted, with the summary, on Ctrl-C.
    """
    sampler, gives = model.sampler(options), _gives(model)
    check_count(count)
    with closed_named():
        if target.is_file() or (is_image(target) and not target.exists()):
            raise InputError(
                f"{target}: is a file's name, and images go into a folder; --grid makes one picture of all"
            )
        check_open(target)
    suffix = written_suffix(writing.form) or _suffix(gives)
    check_depth(target / f"0{suffix}", gives)
    summary, inputs = Summary("made"), Inputs([model.file])
    skipped = reporter(summary, say)
    try:
        with tqdm(total=count, unit="image", disable=None) as bar, BackgroundWriter(summary, skipped) as write:
            for start in range(0, count, GROUP):
                files = {n: target / f"{n:0{DIGITS}}{suffix}" for n in range(start, min(start + GROUP, count))}
                todo = {n: file for n, file in files.items() if writing.overwrite or not file.is_file()}
                summary.present += len(files) - len(todo)
                made = sampler.group(start) if todo else ()
                for number, file in todo.items():
                    with failures_named(skipped, f"image {number}", file):
                        check_result(file, inputs)
                        write(f"image {number}", file, _picture(made[number - start], gives))
                bar.update(len(files))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    return summary


def sample_grid(model: Model, target: Path, count: int, options: Sampling, writing: Writing) -> None:
    """Writes images 0 to count - 1 as one picture: a square, row by row. The rows are written as they are made."""
    _check_images(model)
    sampler = model.sampler(options)
    check_count(count)
    _write_grid(model, target, sampler.images(count), count, math.isqrt(count - 1) + 1, writing)


def sample_walk(model: Model, target: Path, count: int, steps: int, options: Sampling, writing: Writing) -> None:
    """Writes the way from each of `count` images to the next in `steps` images.

    A .webp is an animation of them that ends where it began. Any other picture has a row for each way, from left to
    right, with both its ends.
    """
    _check_images(model)
    sampler = model.sampler(options)
    if target.suffix.lower() != ".webp":
        images = sampler.walk(count, steps)
        _write_grid(model, target, images, steps * (count - 1), steps, writing)
        return
    _check_file(model, target, writing)
    frames = sampler.walk(count, steps, closed=True)
    first = next(frames)
    if math.prod(first.shape[1:]) * count * steps > max_pixels():
        raise InputError(f"{target}: {count * steps} images of {first.shape[2]}x{first.shape[1]} pixels are too many")
    if first.shape[0] not in (1, 3, 4):
        raise InputError(f"{target}: a WEBP holds 1, 3 or 4 channels, and the model makes {first.shape[0]}; use .npy")
    check_size(target, first.shape[1], first.shape[2])
    gives = _gives(model)
    shown = (_frame(to_pixels(image[None], UINT8, gives)) for image in chain([first], frames))
    make_folder(target.parent)
    with replacing(target) as temporary:
        next(shown).save(temporary, "WEBP", save_all=True, append_images=shown, duration=FRAME, loop=0, lossless=True)


def makes_vectors(model: Model) -> bool:
    """Whether the model makes vectors, and no images."""
    use = cast(Generate, model.use("generate", "sample"))
    return isinstance(model.method.declared_fields(model.recipe.method.parameters).get(use.direction.gives), Vector)


def _check_images(model: Model) -> None:
    if makes_vectors(model):
        raise InputError("--grid and --interpolate: are for images, and this model makes vectors")


def sample_vectors(model: Model, target: Path, count: int, options: Sampling, writing: Writing) -> None:
    """Writes vectors 0 to count - 1 as one .npy, float32 [count, F]. They are written as they are made."""
    if target.suffix.lower() != ".npy":
        raise InputError(f"{target}: this model makes vectors, which go into one .npy file, such as points.npy")
    sampler = model.sampler(options)
    check_count(count)
    _check_file(model, target, writing)
    vectors = sampler.images(count)
    first = next(vectors)
    make_folder(target.parent)
    with replacing(target) as temporary:
        held = np.lib.format.open_memmap(temporary, "w+", np.dtype(np.float32), (count, len(first)))
        for number, vector in enumerate(tqdm(chain([first], vectors), total=count, unit="vector", disable=None)):
            held[number] = vector.float().cpu().numpy()
        held.flush()


def _write_grid(
    model: Model, target: Path, images: Iterator[Tensor], count: int, columns: int, writing: Writing
) -> None:
    """Writes `count` images as one picture with so many in a row; the last row may be shorter."""
    _check_file(model, target, writing)
    gives = _gives(model)
    check_depth(target, gives)
    kind = result_type(gives, UINT8)
    first = next(images)
    channels, height, width = first.shape
    lines = -(-count // columns)
    whole = lines * (height + GAP) - GAP, columns * (width + GAP) - GAP
    check_size(target, *whole)
    rows = _rows(tqdm(chain([first], images), total=count, unit="image", disable=None), columns, gives, kind)
    make_folder(target.parent)
    write_rows(target, PictureRows(*whole, channels, kind, rows))


def _rows(images: Iterable[Tensor], columns: int, gives: FieldFormat, kind: np.dtype) -> Iterator[np.ndarray]:
    """The rows of a grid [n, width, C], a line of images at a time."""
    coming, line = iter(images), 0
    while cells := list(islice(coming, columns)):
        channels, height, width = cells[0].shape
        shape = (height + GAP * (line > 0), columns * (width + GAP) - GAP, channels)
        made = np.full(shape, gives.range[1] if kind.kind == "f" else np.iinfo(kind).max, kind)
        for place, cell in enumerate(cells):
            left = place * (width + GAP)
            made[-height:, left : left + width] = to_pixels(cell[None], kind, gives)
        yield made
        line += 1


def _check_file(model: Model, target: Path, writing: Writing) -> None:
    """Raises InputError for a file that can't be written, or that is there and is to stay."""
    form = format_of(target)
    if writing.form is not None and FORMATS[written_suffix(writing.form) or ""] != form:
        raise InputError(f"{target}: --format {writing.form} asks for another format than the file's name")
    check_result(target, Inputs([model.file]))
    if target.exists() and not writing.overwrite:
        raise InputError(f"{target} exists; --overwrite replaces it")


def _gives(model: Model) -> FieldFormat:
    use = model.use("generate", "sample")
    return model.format(use.direction.gives)  # type: ignore[union-attr]


def _suffix(gives: FieldFormat) -> str:
    """The extension of files that can hold this format."""
    return ".npy" if gives.depth == "float" or gives.channels not in PNG.channels else ".png"


def _picture(image: Tensor, gives: FieldFormat) -> PictureRows:
    return rows_of(Picture(to_pixels(image[None], result_type(gives, UINT8), gives)))


def _frame(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
