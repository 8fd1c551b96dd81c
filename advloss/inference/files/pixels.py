"""Applies a network to pictures: levels to [-1, 1] and back, a few finished rows at a time.

`Tiler` yields rows as it finishes them. They are converted to the result's type on their device, and given on as they
come. So a large result is never in memory as a whole: only an alpha that is enlarged, which the colours wait for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.formats import RGB8, FieldFormat
from advloss.images.picture import Picture, PictureRows
from advloss.inference.formats import levels, misfit, result_type, to_pixels, to_tensor
from advloss.inference.kinds import with_channels

Bands = Callable[[Tensor, int], Iterator[Tensor]]
"""`Tiler.bands`: (float32 [1, C, H, W] in [-1, 1], bits a channel) -> finished rows [1, D, h, scale W] from the top"""


@dataclass(frozen=True)
class Conversion:
    """A network for pictures. takes, gives: the formats of its training images; scale: of its results' sides."""

    bands: Bands
    takes: FieldFormat = RGB8
    gives: FieldFormat = RGB8
    scale: int = 1

    def fitting(self, picture: Picture) -> Picture:
        """The picture as the model takes it. Alpha becomes a channel if the model takes one channel more. It is laid
        over white if results are floats. Raises InputError if the model can't take the picture."""
        as_channel = picture.pixels.shape[2] + 1 == self.takes.channels
        if picture.alpha is not None and (as_channel or self.gives.depth == "float"):
            picture = replace(picture, pixels=with_channels(picture, self.takes.channels), alpha=None)
        if why := misfit(picture.pixels, self.takes):
            raise InputError(why)
        return picture

    def reductions(self, picture: Picture) -> list[str]:
        """A sentence on each thing that the model does not take of a picture."""
        losses = []
        if (picture.pixels.shape[2], self.takes.channels) == (3, 1):
            losses.append("the model was trained on grey pictures: of colours it is given the luma (ITU-R BT.601)")
        if picture.alpha is not None and self.fitting(picture).alpha is None and self.gives.depth == "float":
            losses.append("results of floating point have no alpha: it is laid over white")
        _, most = levels(self.takes, picture.pixels.dtype)
        if picture.pixels.dtype == np.uint16 and 0 < picture.pixels.max() < most / 2:
            losses.append(
                f"16-bit values are below half of {most:g}, which is white for the model: it sees them as dark"
            )
        return losses

    def result_type(self, picture: Picture) -> np.dtype:
        """The type of the result's pixels."""
        return result_type(self.gives, picture.pixels.dtype)


def upscaled(picture: Picture, by: Conversion) -> PictureRows:
    """The picture enlarged, in rows that are computed as they are gone through.

    Grey and the colour profile are kept; so is the bit depth, unless the model gives another.

    A model for colours gets grey as three equal channels; the mean of its three output channels is the result. Colours
    are multiplied by alpha before, and divided by the enlarged alpha after, so that transparent pixels don't change
    visible ones; where the enlarged alpha is 0 they become black. Alpha is enlarged by the same network as a grey
    picture. An alpha that is constant stays exactly constant.
    """
    picture = by.fitting(picture)
    kept = picture.pixels.shape[2] if by.takes.channels == by.gives.channels else by.gives.channels
    channels = min(kept, by.gives.channels)
    beside = beside_pixels(picture, channels)
    kind, gives = by.result_type(picture), replace(by.gives, channels=channels)
    height, width = (side * by.scale for side in picture.pixels.shape[:2])
    if picture.alpha is None:
        rows = _through(by, to_tensor(picture.pixels, by.takes), gives, kind)
        return PictureRows(height, width, channels, kind, rows, **beside)
    if (picture.alpha == picture.alpha.flat[0]).all():
        alpha = np.broadcast_to(_converted(picture.alpha[:1, :1], kind), (height, width))
        rows = _through(by, to_tensor(picture.pixels, by.takes), gives, kind)
    else:
        alpha = _enlarged(picture.alpha, by, kind)
        visible = to_tensor(picture.alpha[..., None], FieldFormat(1)).add_(1).div_(2)  # [1, 1, H, W] in [0, 1]
        covered = to_tensor(picture.pixels, by.takes).add_(1).mul_(visible).sub_(1)  # [1, C, H, W] in [-1, 1]
        rows = _through(by, covered, gives, kind, alpha)
    return PictureRows(height, width, channels + 1, kind, _with_alpha(rows, alpha), True, **beside)


def _enlarged(alpha: np.ndarray, by: Conversion, kind: np.dtype) -> np.ndarray:
    """Alpha [H, W] enlarged as a grey picture: [scale H, scale W]."""
    rows = _through(by, to_tensor(alpha[..., None], FieldFormat(by.takes.channels)), FieldFormat(1), kind)
    return PictureRows(alpha.shape[0] * by.scale, alpha.shape[1] * by.scale, 1, kind, rows).whole().pixels[..., 0]


def _with_alpha(rows: Iterator[np.ndarray], alpha: np.ndarray) -> Iterator[np.ndarray]:
    """Rows [n, W, C] from the top, each with those of alpha [H, W]: [n, W, C + 1]."""
    top = 0
    for colours in rows:
        place = slice(top, top + len(colours))
        yield np.concatenate([colours, alpha[place, :, None]], axis=2)
        top = place.stop


def translated(picture: Picture, by: Conversion) -> PictureRows:
    """The picture translated, in rows that are computed as they are gone through.

    Its alpha is kept; so is its bit depth, unless the model gives another. Its colour profile is kept if the result has
    the same number of channels.
    """
    picture = by.fitting(picture)
    channels, kind = by.gives.channels, by.result_type(picture)
    rows = _through(by, to_tensor(picture.pixels, by.takes), by.gives, kind)
    height, width, _ = picture.pixels.shape
    beside = beside_pixels(picture, channels)
    if picture.alpha is None:
        return PictureRows(height, width, channels, kind, rows, **beside)
    alpha = _converted(picture.alpha, kind)
    return PictureRows(height, width, channels + 1, kind, _with_alpha(rows, alpha), True, **beside)


def beside_pixels(picture: Picture, channels: int) -> dict[str, Any]:
    """What the file says of the picture, as arguments of the result's `Picture` or `PictureRows`: it is kept, a colour
    profile only if the result has as many channels."""
    if channels == picture.pixels.shape[2] or picture.icc is None:
        return {"icc": picture.icc, "about": picture.about}
    others = (*picture.about.others, "the colour profile, since the result has other channels")
    return {"about": replace(picture.about, others=others)}


def _converted(alpha: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Alpha [H, W] as integers of another type; itself if it has that type."""
    return alpha if alpha.dtype == kind else to_pixels(to_tensor(alpha[..., None], FieldFormat(1)), kind)[..., 0]


def _through(
    by: Conversion, image: Tensor, gives: FieldFormat, kind: np.dtype, alpha: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The rows of the result, [n, scale W, gives.channels] of type `kind`, divided by `alpha` if given. If
    gives.channels is 1, it is the mean of the network's channels."""
    top = 0
    for band in by.bands(image, 8 * kind.itemsize):
        finite = band.isfinite().all()
        rows = slice(top, top + band.shape[2])
        if alpha is not None:
            band = _uncovered(band, alpha[rows])
        if gives.channels == 1:
            band = band.mean(1, keepdim=True)
        pixels = to_pixels(band, kind, gives)
        if not finite:  # checked here, since the device has finished the pixels
            raise InputError("the network's output is not a number in places, in float32 too")
        yield pixels
        top = rows.stop


def _uncovered(band: Tensor, alpha: np.ndarray) -> Tensor:
    """Colours [1, C, h, w] in [-1, 1] that are multiplied by alpha, divided by it; black where alpha [h, w] is 0."""
    whole = torch.from_numpy(alpha.astype(np.int32)).to(band.device)
    share = whole.float() / np.iinfo(alpha.dtype).max  # [h, w] in [0, 1]
    return torch.where(whole > 0, (band + 1) / share, 0) - 1
