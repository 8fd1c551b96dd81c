"""The formats of a model's pictures: levels to numbers in [-1, 1] and back."""

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.formats import RGB8, FieldFormat
from advloss.images.reading import Header

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in the grey picture that a model of one channel gets: ITU-R BT.601."""


def levels(form: FieldFormat, kind: np.dtype) -> tuple[float, float]:
    """The values of an array of this type that become -1 and 1.

    They are the training's range if the type is the training's or a float, else the ends of the integer type.
    """
    if np.issubdtype(kind, np.floating) or np.iinfo(kind).bits == form.depth:
        return form.range
    return 0.0, float(np.iinfo(kind).max)


def misfit(pixels: np.ndarray, takes: FieldFormat) -> str | None:
    """Why a model can't take a file's pixels [H, W, C], in words that follow the file's name; None if it can."""
    return _misfit(np.issubdtype(pixels.dtype, np.floating), pixels.shape[2], takes)


def header_misfit(header: Header, takes: FieldFormat) -> str | None:
    """As `misfit`, from a file's header. Alpha may serve as the last channel of the model."""
    as_channel = header.alpha and header.channels + 1 == takes.channels
    return _misfit(header.depth == "float", header.channels + as_channel, takes)


def _misfit(floats: bool, channels: int, takes: FieldFormat) -> str | None:
    if floats and takes.depth != "float":
        return f"holds floats, and the model was trained on {takes.depth}-bit pictures; save it with 8 or 16 bits"
    return channels_misfit(channels, takes)


def channels_misfit(channels: int, takes: FieldFormat) -> str | None:
    """As `misfit`, for the number of channels alone. Grey fits a model of three channels, and colours one of grey."""
    if channels == takes.channels or (channels, takes.channels) in ((1, 3), (3, 1)):
        return None
    return f"has {channels} channels, and the model was trained on pictures of {takes.channels}"


def to_tensor(pixels: np.ndarray, takes: FieldFormat = RGB8) -> Tensor:
    """uint8, uint16 or float [H, W, C] to float32 [1, takes.channels, H, W], in [-1, 1] where levels are in range.

    Grey is repeated for a model of three channels; colours become their luma for a model of one. Raises InputError for
    another number of channels.
    """
    low, high = levels(takes, pixels.dtype)
    values = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32, order="C"))  # [C, H, W]
    if low:
        values.sub_(low)
    values.div_((high - low) / 2).sub_(1)
    if len(values) == takes.channels:
        return values[None]
    if (len(values), takes.channels) == (1, 3):
        return values[None].repeat(1, 3, 1, 1)
    if (len(values), takes.channels) == (3, 1):
        return torch.einsum("c,chw->hw", torch.tensor(LUMA), values)[None, None]
    raise InputError(f"the picture {channels_misfit(len(values), takes)}")


def to_pixels(image: Tensor, kind: np.dtype, gives: FieldFormat = RGB8) -> np.ndarray:
    """[1, C, H, W] in [-1, 1] -> [H, W, C] of a type. Integers are rounded and clipped to their range, floats are
    not."""
    low, high = levels(gives, kind)
    half = (high - low) / 2
    if np.issubdtype(kind, np.floating):
        values = image[0].float().add(1).mul_(half).add_(low)
        return values.permute(1, 2, 0).cpu().numpy().astype(kind, copy=False)
    values = image[0].float().clamp(-1, 1).add_(1).mul_(half)  # a new tensor from the clamp on
    values = (values.add_(low) if low else values).round_()
    whole = values.to(torch.uint8 if kind == np.uint8 else torch.int32)
    return whole.permute(1, 2, 0).cpu().numpy().astype(kind, copy=False)


def result_type(gives: FieldFormat, given: np.dtype) -> np.dtype:
    """The type of a result. A model that gives 16 bits or floats decides it; else it is the type of the integers that
    were given, or uint8 for floats."""
    if gives.depth == "float":
        return np.dtype(np.float32)
    if gives.depth == 16:
        return np.dtype(np.uint16)
    return given if np.issubdtype(given, np.integer) else np.dtype(np.uint8)
