"""Decodes tokens to pictures, and reconstructs pictures (encodes and decodes them).

`tokenize_files` and then `detokenize_files` gives exactly the pixels of `reconstruct_files`: a picture's indices don't
depend on the other pictures (`encoded`), and the decoder always gets one picture at a time.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from advloss.core.errors import InputError, Interrupted
from advloss.core.storage.files import Inputs, check_open, closed_named
from advloss.data.formats import FieldFormat
from advloss.images.picture import Picture, PictureRows, rows_of
from advloss.images.reading import read_picture
from advloss.images.writing import check_size, reductions
from advloss.inference.files.background import BackgroundWriter
from advloss.inference.files.convert import Writing, check_depth, open_jobs, writable
from advloss.inference.files.jobs import Job, apart
from advloss.inference.files.pixels import beside_pixels
from advloss.inference.files.summary import Remarks, Say, Summary, failures_named, reporter
from advloss.inference.formats import result_type, to_pixels
from advloss.inference.model import Model
from advloss.inference.tokens.encoding import Reading, encoded
from advloss.inference.tokens.token_shards import token_files
from advloss.inference.tokens.tokens_file import Tokens, check_vocabulary, read_header, read_tokens, vocabulary


def detokenize_files(model: Model, source: Path, target: Path, *, overwrite: bool = False, say: Say) -> Summary:
    """Writes the pictures of a tokens file, of an index of shards or of a folder that holds one, under their names.

    They are PNGs, or .npy if the model was trained on floats. Existing files are not made again. Raises InputError,
    before anything is written, for files that are missing or of another model, and for a target that can't be written
    to; Interrupted, with the summary, on Ctrl-C.
    """
    known = vocabulary(model)
    summary = Summary("decoded")
    with closed_named():
        if target.is_file():
            raise InputError(f"{target}: is a file; name a folder for the pictures")
        files = token_files(source)
        check_open(target)
    extension = _extension(model.tokenized)
    headers = [read_header(file) for file in files]
    for file, header in zip(files, headers, strict=True):
        check_vocabulary(file, header, known)
    skipped = reporter(summary, say)
    names = [name for header in headers for name in header.names]
    jobs = apart([Job(Path(name), target / _named(name, extension)) for name in names], skipped)
    jobs = writable(jobs, Inputs([model.file, *files]), overwrite, skipped)
    wanted = {str(job.source): job.result for job in jobs}
    try:
        with (
            tqdm(total=len(names), unit="picture", disable=None if len(names) > 1 else True) as bar,
            BackgroundWriter(summary, skipped) as write,
        ):
            for file in files:
                with failures_named(skipped, file, target):
                    _decode_file(model, read_tokens(file, known), wanted, write, overwrite, bar)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    return summary


def _decode_file(
    model: Model,
    tokens: Tokens,
    wanted: dict[str, Path],
    write: BackgroundWriter,
    overwrite: bool,
    bar: "tqdm",
) -> None:
    for name, indices, size in zip(tokens.header.names, tokens.indices, tokens.sizes, strict=True):
        bar.update()
        result = wanted.get(str(Path(name)))
        if result is None:
            continue
        if result.exists() and not overwrite:
            write.summary.present += 1
            continue
        with failures_named(write.skipped, name, result):
            write(name, result, _decoded(model, torch.from_numpy(indices.astype(np.int64)), size, result))


def reconstruct_files(
    model: Model, source: Path, target: Path, reading: Reading, *, overwrite: bool = False, say: Say
) -> Summary:
    """Writes a tokenizer's reconstruction of a picture, or of all pictures below a folder, whose tree is kept.

    Results have the model's format; in folders they are PNGs, or .npy if the model was trained on floats. EXIF and the
    like are kept as `convert_files` keeps them. Existing
    files are not made again. Raises InputError if there is nothing to do, or if a single target exists or can't be
    written to; Interrupted, with the summary, on Ctrl-C.
    """
    model.tokenizer("reconstruct")
    summary = Summary("reconstructed")
    skipped = reporter(summary, say)
    with closed_named():
        single = source.is_file() and target.suffix and not target.is_dir()
    extension = _extension(model.tokenized)
    jobs = open_jobs(source, target, Writing(None if single else extension[1:], overwrite), skipped, say, model.file)
    todo = [job for job in jobs if overwrite or not job.result.exists()]
    summary.present = len(jobs) - len(todo)
    remarks = Remarks()
    try:
        with (
            tqdm(total=len(todo), unit="picture", disable=None if len(todo) > 1 else True) as bar,
            BackgroundWriter(summary, skipped) as write,
        ):
            paths = [job.source for job in todo]
            for one in encoded(model, paths, lambda _, why: skipped(why), reading, remarks):
                bar.update()
                job = todo[one.number]
                with failures_named(skipped, job.source, job.result):
                    decoded = _decoded(model, one.codes, one.size, job.result)
                    made = replace(decoded, **beside_pixels(read_picture(job.source), decoded.channels))
                    for what in reductions(job.result, made):
                        remarks.add(what, job.source)
                    write(job.source, job.result, made)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {summary.words()}; the same command goes on from there") from None
    finally:
        remarks.tell(say)
    return summary


def _decoded(model: Model, codes: Tensor, size: tuple[int, int], result: Path) -> PictureRows:
    """The picture of the codes of one picture (without batch axis). Raises InputError if `result` can't hold it."""
    gives = model.tokenized
    check_depth(result, gives)
    check_size(result, *size)
    image = model.decode(codes[None], size)  # [1, C, H, W]
    if not image.isfinite().all():
        raise InputError("the decoder's output is not a number in places")
    return rows_of(Picture(to_pixels(image, result_type(gives, np.dtype(np.uint8)), gives)))


def _extension(gives: FieldFormat) -> str:
    """The extension of files that can hold this format: .png or .npy."""
    return ".npy" if gives.depth == "float" else ".png"


def _named(name: str, extension: str) -> Path:
    """The picture's name with this extension."""
    path = Path(name)
    return path if path.suffix.lower() == extension else path.with_suffix(extension)
