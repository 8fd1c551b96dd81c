"""Where the results that are compared with truths come from: a folder, plain enlargement, an upscaler, a tokenizer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advloss.data.degradations.bicubic import Bicubic
from advloss.data.degradations.resize import imresize
from advloss.data.images import UnreadableImage, list_images, read_rgb8
from advloss.data.loading import to_images
from advloss.data.transforms import middle_crop, resized
from advloss.errors import InputError
from advloss.evaluation.comparison import Pair
from advloss.inference.memory import out_of_memory
from advloss.losses.metrics import to_8_bit

MOST_CUT = 7
"""Pixels that a truth may be larger than its result: a truth whose sides were no multiples of the scale was cut."""
Enlarge = Callable[[Tensor], Tensor]
LeftOut = Callable[[str], None]


def from_folder(results: Path, truths: Path, left_out: LeftOut) -> Iterator[Pair]:
    """Each truth beside the result of the same name (the extension may differ)."""
    found = by_stem(results)
    for stem, truth in by_stem(truths).items():
        if stem not in found:
            left_out(f"{truth}: has no result in {results}")
            continue
        try:
            result, whole = read(found[stem]), read(truth)
            yield Pair(stem, result, cut_to(whole, result, found[stem], truth))
        except UnreadableImage as error:
            left_out(str(error))


def enlarged(
    enlarge: Enlarge, scale: int, truths: Path, inputs: Path | None, device: torch.device, left_out: LeftOut
) -> Iterator[Pair]:
    """Each truth beside what `enlarge` makes of its small version.

    enlarge: float [1, 3, H, W] in [-1, 1] -> [1, 3, scale H, scale W]; inputs: the folder of the small versions, of the
    same names; without one they are made by MATLAB's bicubic reduction, to 8 bits, of the truth cut at its right and
    bottom to multiples of the scale.
    """
    small = by_stem(inputs) if inputs is not None else None
    for stem, truth in by_stem(truths).items():
        try:
            whole = read(truth).to(device)
            if small is None:
                height, width = (side - side % scale for side in whole.shape[-2:])
                if not height or not width:
                    raise UnreadableImage(truth, f"is smaller than the scale, {scale}")
                whole = whole[..., :height, :width]
                lr = Bicubic(scale)(whole, [np.random.default_rng(0)])
            elif stem not in small:
                left_out(f"{truth}: has no input in {inputs}")
                continue
            else:
                lr = read(small[stem]).to(device)
            result = to_8_bit(enlarge(lr)) / 127.5 - 1
            yield Pair(stem, result, cut_to(whole, result, small[stem] if small else truth, truth))
        except UnreadableImage as error:
            left_out(str(error))


def reconstructed(
    reconstruct: Callable[[Tensor], Tensor], size: int | None, truths: Path, device: torch.device, left_out: LeftOut
) -> Iterator[Pair]:
    """Each truth beside what `reconstruct` makes of it.

    reconstruct: float [1, 3, H, W] in [-1, 1] -> the same shape; an InputError of it leaves the picture out.
    size: the shorter side of each truth becomes so many pixels (Pillow's bicubic), and the middle square is cut out, as
    papers do; None: as it is.
    """
    for stem, path in by_stem(truths).items():
        try:
            truth = read(path, size).to(device)
            result = to_8_bit(reconstruct(truth)) / 127.5 - 1
        except UnreadableImage as error:
            left_out(str(error))
        except InputError as error:
            left_out(f"{path}: {error}")
        except Exception as error:
            if not out_of_memory(error):
                raise
            left_out(f"{path}: is too large for the free memory; --size N makes all pictures N x N")
        else:
            yield Pair(stem, result, truth)


def bicubic(scale: int) -> Enlarge:
    """Plain enlargement, the baseline of the literature."""
    return lambda image: imresize(image, scale=scale).clamp(-1, 1)


def by_stem(folder: Path) -> dict[str, Path]:
    """A folder's pictures by their path below it without extension; InputError if there are none, or two of a name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: {'is a file' if folder.exists() else 'no such folder'}; name a folder of pictures")
    found: dict[str, Path] = {}
    for path in list_images(folder):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise InputError(f"{found[stem]} and {path} have one name, so it is not clear which one counts; remove one")
        found[stem] = path
    if not found:
        raise InputError(f"{folder}: holds no picture")
    return found


def read(path: Path, size: int | None = None) -> Tensor:
    """A file as 8-bit RGB: float [1, 3, H, W] in [-1, 1]. size: see `reconstructed`."""
    pixels = read_rgb8(path)
    if size is not None:
        pixels = middle_crop(resized(pixels, "shorter", size), size)
    return to_images(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])


def cut_to(truth: Tensor, result: Tensor, result_path: Path, truth_path: Path) -> Tensor:
    """The truth without the few pixels at its right and bottom that its result lacks."""
    (height, width), (rows, columns) = result.shape[-2:], truth.shape[-2:]
    if not (0 <= rows - height <= MOST_CUT and 0 <= columns - width <= MOST_CUT):
        raise UnreadableImage(
            result_path, f"gives {width}x{height} pixels, and the truth {truth_path.name} has {columns}x{rows}"
        )
    return truth[..., :height, :width]
