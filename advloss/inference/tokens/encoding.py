"""Encodes picture files by a tokenizer, on a GPU in batches of one size."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.memory import out_of_memory
from advloss.data.formats import RGB8, FieldFormat
from advloss.data.sampling.crops import resized
from advloss.images.reading import read_header, read_picture, read_rgb8
from advloss.inference.files.summary import OVER_WHITE, SEVERAL, Remarks
from advloss.inference.formats import misfit, to_tensor
from advloss.inference.kinds import with_channels
from advloss.inference.model import Model

WAITING = 8
"""The pictures that wait in memory until there is a full batch of their size are at most so many batches."""
READERS = 4
"""How many threads decode pictures in advance, if pictures are resized."""
BATCH = 16

Skipped = Callable[[int, str], None]
"""A function that gets the number of a picture that can't be used, and the reason."""


@dataclass(frozen=True)
class Reading:
    """How pictures are read and encoded.

    size: the shorter side is resized to so many pixels and the middle square cut out; None: pictures stay as they are.
    batch: of pictures of one size, on a GPU; None: 16 if `size` is given, else 1.
    """

    size: int | None = None
    batch: int | None = None


@dataclass(frozen=True)
class Encoded:
    """One picture's codes: number: its place among the paths; size: (height, width) in pixels of what was encoded.

    codes: on the CPU, int64 [h, w] or [h, w, n]; of a KL model the latent [D, h, w].
    """

    number: int
    size: tuple[int, int]
    codes: Tensor


def encoded(
    model: Model, paths: Sequence[Path], skipped: Skipped, reading: Reading, remarks: Remarks
) -> Iterator[Encoded]:
    """Yields the codes of each picture as soon as they are ready. With batches the order is not that of the paths.

    Incomplete batches are filled up, so that a picture's codes don't depend on the number of other pictures.
    On the CPU each picture is encoded by itself, which is not slower. remarks: gets what is not taken of a picture.
    """
    size = reading.size
    batch = reading.batch or (BATCH if size else 1)
    if model.device.type == "cpu":
        batch = 1
    waiting: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = defaultdict(list)
    for number, pixels in _pictures(paths, size, model.tokenized, skipped, remarks):
        group = waiting[pixels.shape]
        group.append((number, pixels))
        if len(group) == batch or sum(map(len, waiting.values())) > WAITING * batch:
            fullest = max(waiting, key=lambda shape: len(waiting[shape]))
            yield from _through(model, paths, waiting.pop(fullest), batch, skipped)
    for group in waiting.values():
        yield from _through(model, paths, group, batch, skipped)


def _through(
    model: Model, paths: Sequence[Path], group: list[tuple[int, np.ndarray]], batch: int, skipped: Skipped
) -> Iterator[Encoded]:
    """The codes of pictures of one size."""
    filled = [pixels for _, pixels in group] + [group[-1][1]] * (batch - len(group))
    try:
        codes = model.encode(torch.cat([to_tensor(pixels, model.tokenized) for pixels in filled])).cpu()
    except (InputError, MemoryError, RuntimeError) as error:
        less = "there is not enough memory for it; try --size, a smaller --batch, or --device cpu"
        for number, _ in group:
            skipped(number, f"{paths[number]}: {less if out_of_memory(error) else error}")
        return
    for (number, pixels), one in zip(group, codes, strict=False):
        yield Encoded(number, (pixels.shape[0], pixels.shape[1]), one)


def _pictures(
    paths: Sequence[Path], size: int | None, takes: FieldFormat, skipped: Skipped, remarks: Remarks
) -> Iterator[tuple[int, np.ndarray]]:
    """(number, pixels [H, W, C]) of each picture that can be read. If pictures are resized, some are read in
    advance."""
    readers = READERS if size else 1
    coming: deque[tuple[int, Future[np.ndarray]]] = deque()
    with ThreadPoolExecutor(readers) as pool:
        for number in range(len(paths) + readers):
            if number < len(paths):
                coming.append((number, pool.submit(_read, paths[number], size, takes, remarks)))
            if not coming or (len(coming) < readers and number < len(paths)):
                continue
            first, future = coming.popleft()
            try:
                pixels = future.result()
            except InputError as error:
                skipped(first, str(error))
            else:
                yield first, pixels


def _read(path: Path, size: int | None, takes: FieldFormat, remarks: Remarks) -> np.ndarray:
    """A file's pixels [H, W, C], as `to_tensor` takes them for the model. 8-bit RGB is read as in training."""
    header = read_header(path)
    if header.several:
        remarks.add(SEVERAL, path)
    if header.alpha and header.channels + 1 != takes.channels:
        remarks.add(OVER_WHITE, path)
    if takes == RGB8:
        pixels = read_rgb8(path)
    else:
        pixels = with_channels(read_picture(path), takes.channels)
        if why := misfit(pixels, takes):
            raise InputError(f"{path}: {why}")
    if size is None:
        return pixels
    pixels = resized(pixels, "shorter", size)
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + size, left : left + size]
