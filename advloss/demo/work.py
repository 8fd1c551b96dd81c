"""The work on pictures for each use, by the functions of the command line, so that the results have the same bytes."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from advloss.core.errors import InputError
from advloss.demo.bench import Bench, Job, packed
from advloss.demo.models import Opened
from advloss.demo.previews import comparison, preview, token_picture
from advloss.demo.uploads import received
from advloss.images.listing import list_images
from advloss.images.reading import read_header, read_picture
from advloss.inference.files.classifying import classify_files
from advloss.inference.files.convert import Writing, translate_files, upscale_files
from advloss.inference.files.inpainting import inpaint_files
from advloss.inference.files.summary import Summary
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tokens.encoding import Reading
from advloss.inference.tokens.reconstructing import reconstruct_files
from advloss.inference.tokens.tokenizing import tokenize_files
from advloss.inference.tokens.tokens_file import read_tokens, vocabulary

TOKENS = "tokens.safetensors"
ROWS_SHOWN = 200
"""Pictures whose classes the page shows; the file has all."""
CLASSES_SHOWN = 10
Uploads = Sequence[str | Path] | None


@dataclass(frozen=True)
class Shown:
    """What a job gives to the page, as published files. files: to download; pair: previews of a picture and of its
    result; grid: of its tokens; classes: probabilities of one picture; rows: file, class and probability of several."""

    files: list[str] = field(default_factory=list)
    pair: tuple[str, str] | None = None
    grid: str | None = None
    classes: dict[str, float] | None = None
    rows: list[list[str]] | None = None


def translate(bench: Bench, job: Job, one: Opened, files: Uploads, direction: str | None, form: str | None) -> Shown:
    """As `advloss translate`."""
    source = received(files, job.given, bench.limits)
    writing, say = Writing(form), job.lines.append
    summary = translate_files(one.model, source, job.made, direction, writing=writing, say=say)
    return _results(bench, job, source, summary, f"{one.name}-translated")


def upscale(bench: Bench, job: Job, one: Opened, files: Uploads, ensemble: bool, form: str | None) -> Shown:
    """As `advloss upscale`."""
    assert one.upscaler is not None
    source = received(files, job.given, bench.limits, one.upscaler.network.scale)  # type: ignore[arg-type]
    options, writing = TileOptions(ensemble=ensemble), Writing(form)
    summary = upscale_files(one.upscaler, source, job.made, options, writing, say=job.lines.append)
    return _results(bench, job, source, summary, f"{one.name}-upscaled")


def tokenize(bench: Bench, job: Job, one: Opened, files: Uploads, size: int | None) -> Shown:
    """As `advloss tokenize`, if the model has codes, and as `advloss reconstruct`."""
    source, reading = received(files, job.given, bench.limits), Reading(size)
    if size is not None and size * size > bench.limits.pixels:
        raise InputError(f"pictures of {size}x{size} pixels are more than this page takes")
    summary = reconstruct_files(one.model, source, job.made, reading, say=job.lines.append)
    grid, tokens = None, job.folder / TOKENS
    if one.model.tokenizer("tokenize").codes is not None and summary.written:
        tokenize_files(one.model, source, tokens, reading, name=one.file.name, say=lambda line: None)
        grid = _token_grid(job, one, tokens)
    shown = _results(bench, job, source, summary, f"{one.name}-reconstructed")
    if grid is None:
        return shown
    return Shown([*bench.publish(tokens), *shown.files], shown.pair, bench.publish(grid)[0])


def _token_grid(job: Job, one: Opened, tokens: Path) -> Path:
    """A picture of the first picture's tokens. A line says how many there are."""
    known = vocabulary(one.model)
    held = read_tokens(tokens, known)
    first, (height, width) = held.indices[0], held.sizes[0]
    used, bits = len(np.unique(first)), first.size * known.bits
    books = f", of {known.books} codebooks," if known.books > 1 else ""
    job.lines.append(
        f"{held.header.names[0]}: {width}x{height} pixels as {first.size:,} tokens{books} of {known.codes:,} codes, of "
        f"which {used:,} occur; {bits / 8:,.0f} bytes, {bits / (height * width):.3g} bits a pixel"
    )
    return token_picture(first, job.shown / "tokens.png")


def classify(bench: Bench, job: Job, one: Opened, files: Uploads) -> Shown:
    """As `advloss classify --out classes.csv`."""
    source = received(files, job.given, bench.limits)
    table, say = job.made / "classes.csv", job.lines.append
    results = classify_files(one.model, source, table, say=say, give=say)
    say(results.words())
    if not results.counts.total():
        results.check()
    if source.is_file():
        return Shown(bench.publish(table), classes=_probabilities(one, source))
    with table.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    if len(rows) > ROWS_SHOWN:
        say(f"the first {ROWS_SHOWN} are shown")
    return Shown(bench.publish(table), rows=rows[:ROWS_SHOWN])


def _probabilities(one: Opened, picture: Path) -> dict[str, float]:
    """The most likely classes of a picture."""
    logits = one.model.classify(picture)[0].float().softmax(0)
    names = one.model.classes() or [str(number) for number in range(len(logits))]
    best = torch.topk(logits, min(CLASSES_SHOWN, len(logits)))
    return {names[number]: share for number, share in zip(best.indices.tolist(), best.values.tolist(), strict=True)}


def inpaint(bench: Bench, job: Job, one: Opened, files: Uploads, layers: list[str], masks: Uploads) -> Shown:
    """As `advloss inpaint`. layers: what was drawn over a preview of the picture; masks: files instead of it."""
    source = received(files, job.given, bench.limits)
    if masks:
        mask = received(masks, job.masks, bench.limits)
        if source.is_file() and mask.is_dir():
            raise InputError("one picture has one mask")
    elif source.is_dir():
        raise InputError(
            "of several pictures upload the masks too, under the pictures' names: holes can be drawn in one"
        )
    else:
        mask = drawn_mask(layers, source, job.shown / f"{source.stem}-mask.png", bench)
    summary = inpaint_files(one.model, source, mask, job.made, Writing(), say=job.lines.append)
    shown = _results(bench, job, source, summary, f"{one.name}-inpainted")
    return shown if masks else Shown([*shown.files, *bench.publish(mask)], shown.pair)


def drawn_mask(layers: Sequence[str], picture: Path, to: Path, bench: Bench) -> Path:
    """Writes the mask of what is drawn in any of the layers (RGBA, in a picture's ratio), as large as the picture.

    Raises InputError if nothing is drawn.
    """
    height, width = read_header(picture).size
    holes = np.zeros((height, width), bool)
    for layer in map(Path, layers):
        bench.limits.check_pixels(Path("the mask"), *read_header(layer).size)
        drawn = read_picture(layer)
        if drawn.alpha is None:
            continue
        # the nearest pixel for each, so that a mask is as sharp as it was drawn
        rows, columns = (
            (np.arange(side) * had // side) for side, had in zip((height, width), drawn.alpha.shape, strict=True)
        )
        holes |= drawn.alpha[rows][:, columns] >= 128
    if not holes.any():
        raise InputError("draw over what is to be filled first, or upload a mask: white in holes")
    Image.fromarray(np.where(holes, 255, 0).astype(np.uint8)).save(to)
    return to


def _results(bench: Bench, job: Job, source: Path, summary: Summary, name: str) -> Shown:
    """The results to download, as they are or as a ZIP, and the first of them beside its picture."""
    job.lines.append(summary.words())
    if not summary.written:
        summary.check()
    pictures = [source] if source.is_file() else list_images(source)
    root = source.parent if source.is_file() else source
    for picture in pictures:
        place = job.made / picture.relative_to(root).parent
        result = next((path for path in sorted(place.glob("*")) if path.stem == picture.stem), None)
        if result is not None:
            pair = bench.publish(*comparison(picture, result, job.shown))
            files = [result] if source.is_file() else [packed(job.made, job.folder / f"{name}.zip")]
            return Shown(bench.publish(*files), (pair[0], pair[1]))
    return Shown()


def start_of_drawing(bench: Bench, job: Job, files: Uploads) -> str | None:
    """A preview of the one picture, to draw on; None for several."""
    source = received(files, job.given, bench.limits)
    if source.is_dir():
        return None
    return bench.publish(preview(source, job.shown / "preview.png"))[0]
