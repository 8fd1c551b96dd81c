"""The results to compare with truths: from a folder, or made by bicubic enlargement, an upscaler or a tokenizer."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.memory import out_of_memory
from advloss.core.storage.files import closed_named
from advloss.data.degradations.bicubic import Bicubic
from advloss.data.degradations.resize import imresize
from advloss.data.loading.scaling import to_images
from advloss.data.sampling.crops import middle_crop, resized
from advloss.evaluation.comparison import Candidate, Pair
from advloss.evaluation.skipped import Skipped
from advloss.images.listing import Passed, list_images
from advloss.images.names import by_name
from advloss.images.reading import UnreadableImage, read_rgb8
from advloss.losses.metrics import to_8_bit

MOST_CUT = 7
"""How many pixels a truth may be larger than its result, since truths are cut to multiples of the scale."""
Enlarge = Callable[[Tensor], Tensor]


def from_folder(results: Path, truths: Path, suffix: str, device: torch.device, skipped: Skipped) -> list[Candidate]:
    """Pairs each truth with the result of the same name (the extension may differ).

    suffix: the end of results' names that truths' names don't have. Truths without a result are reported to `skipped`.
    """

    def pair(name: str, truth: Path, result: Path) -> Pair:
        return fitted(name, read(result).to(device), read(truth).to(device), result, truth)

    at = _pictures(truths, skipped)
    named = _partners(results, at, skipped, suffix, "--suffix TEXT is what results' names have beyond the truths'")
    return [Candidate(at[name], partial(pair, name, at[name], path)) for name, path in named.items()]


def enlarged(
    enlarge: Enlarge, scale: int, truths: Path, inputs: Path | None, device: torch.device, skipped: Skipped
) -> list[Candidate]:
    """Pairs each truth with the enlargement of its small version.

    enlarge: float [1, 3, H, W] in [-1, 1] -> [1, 3, scale H, scale W]. inputs: the folder of the small versions, of the
    same names or with DIV2K's (0001x4.png); None: each is made of the truth by MATLAB's bicubic reduction, to 8 bits,
    after the truth is cut at its right and bottom to multiples of the scale.
    """

    def pair(name: str, truth: Path, small: Path | None) -> Pair:
        whole = read(truth).to(device)
        lr = reduced(whole, scale) if small is None else read(small).to(device)
        result = enlarge(lr)
        if not result.isfinite().all():
            raise InputError("the network's output is not a number in places, in float32 too")
        return fitted(name, to_8_bit(result) / 127.5 - 1, whole, small or truth, truth)

    at = _pictures(truths, skipped)
    if inputs is None:
        return [Candidate(truth, partial(pair, name, truth, None)) for name, truth in at.items()]
    hint = "a small picture is called as its truth, or as in 0001x4.png and 0001.png"
    small = _partners(inputs, at, skipped, "", hint)
    return [Candidate(at[name], partial(pair, name, at[name], path)) for name, path in small.items()]


def reduced(whole: Tensor, scale: int) -> Tensor:
    """The small version of a truth [1, 3, H, W]; see `enlarged`. InputError for a truth smaller than the scale."""
    height, width = (side - side % scale for side in whole.shape[-2:])
    if not height or not width:
        raise InputError(f"is smaller than the scale, {scale}")
    return Bicubic(scale)(whole[..., :height, :width], [np.random.default_rng(0)])


def reconstructed(
    reconstruct: Callable[[Tensor], Tensor], size: int | None, truths: Path, device: torch.device, skipped: Skipped
) -> list[Candidate]:
    """Pairs each truth with its reconstruction.

    reconstruct: float [1, 3, H, W] in [-1, 1] -> the same shape; if it raises InputError, the picture is skipped.
    size: the shorter side of each truth is resized to so many pixels (Pillow's bicubic), and the middle square is cut
    out, as papers do; None: the truth stays as it is.
    """

    def pair(name: str, path: Path) -> Pair:
        truth = read(path, size).to(device)
        try:
            return Pair(name, to_8_bit(reconstruct(truth)) / 127.5 - 1, truth)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            raise InputError("is too large for the free memory; --size N makes all pictures N x N") from None

    return [Candidate(path, partial(pair, name, path)) for name, path in _pictures(truths, skipped).items()]


def bicubic(scale: int) -> Enlarge:
    """Plain enlargement, the baseline of the literature."""
    return lambda image: imresize(image, scale=scale).clamp(-1, 1)


def _pictures(folder: Path, skipped: Skipped) -> dict[str, Path]:
    """A folder's pictures by name; InputError if there are none, or two of a name."""
    return by_name(folder, listed(folder, skipped))


def _partners(folder: Path, truths: dict[str, Path], skipped: Skipped, suffix: str, hint: str) -> dict[str, Path]:
    """The pictures in a folder that belong to truths, by the truths' names. Others are reported to `skipped`.

    Raises InputError, with the hint, if there are none at all.
    """
    paths = listed(folder, skipped)
    found = by_name(folder, paths, large=truths, suffix=suffix)
    if not truths.keys() & found.keys():
        names = f"'{paths[0].name}', ... and '{next(iter(truths.values())).name}', ..."
        raise InputError(f"{folder}: no picture in it has the name of a truth ({names}); {hint}")
    for name, truth in truths.items():
        if name not in found:
            skipped(truth, f"has no partner in {folder}")
    return {name: found[name] for name in truths if name in found}


def listed(folder: Path, skipped: Skipped) -> list[Path]:
    """The pictures in and below a folder. Folders that can't be read are reported to `skipped`."""
    passed = Passed()
    with closed_named():
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "no such folder"
            raise InputError(f"{folder}: {what}; name a folder of pictures")
        paths = list_images(folder, passed=passed)
    shut = [(Path(error.filename or folder), f"the folder can't be read ({error.strerror})") for error in passed.closed]
    if not paths:
        raise InputError("{}: {}".format(*shut[0]) if shut else f"{folder}: holds no picture")
    for path, why in shut:
        skipped(path, why)
    for sentence in passed.words():
        skipped.say(f"{folder}: {sentence}")
    return paths


def read(path: Path, size: int | None = None) -> Tensor:
    """A file as 8-bit RGB: float [1, 3, H, W] in [-1, 1]. size: see `reconstructed`."""
    pixels = read_rgb8(path)
    if size is not None:
        pixels = middle_crop(resized(pixels, "shorter", size), size)
    return to_images(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])


def fitted(name: str, result: Tensor, truth: Tensor, result_path: Path, truth_path: Path) -> Pair:
    """The pair, with the truth cut at its bottom and right to the result's size. Raises if more than `MOST_CUT` is
    cut."""
    (height, width), (rows, columns) = result.shape[-2:], truth.shape[-2:]
    lost = (rows - height, columns - width)
    if min(lost) < 0 or max(lost) > MOST_CUT:
        raise UnreadableImage(
            result_path, f"gives {width}x{height} pixels, and the truth {truth_path.name} has {columns}x{rows}"
        )
    return Pair(name, result, truth[..., :height, :width], lost)
