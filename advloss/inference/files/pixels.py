"""Pictures through a network: integers to [-1, 1] and back, a few finished rows at a time.

The engine (`Tiler`) gives rows as it finishes them; they become the file's integer type on the device that made them,
and go into one array, so that a large result exists once, and never as floats.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.images.reading import Picture

Bands = Callable[[Tensor, int], Iterator[Tensor]]
"""`Tiler.bands`: (float32 [1, 3, H, W] in [-1, 1], bits a channel) -> finished rows [1, 3, h, scale W], from the top"""


def upscaled(picture: Picture, bands: Bands, scale: int) -> Picture:
    """The picture enlarged; bit depth, grey and colour profile are kept.

    Grey goes in as three equal channels, and comes out as their mean. Colours are multiplied by alpha before and
    divided by the enlarged alpha after, so that what is hidden does not bleed into what is seen; where nothing is left
    to be seen they become black. Alpha is enlarged by the same network as a grey picture; one that is the same
    everywhere stays so exactly.
    """
    if picture.alpha is None:
        return Picture(_through(bands, to_tensor(picture.pixels), picture.pixels, scale), None, picture.icc)
    height, width = picture.alpha.shape
    value = picture.alpha.flat[0]
    if (picture.alpha == value).all():
        alpha = np.full((height * scale, width * scale), value)
        return Picture(_through(bands, to_tensor(picture.pixels), picture.pixels, scale), alpha, picture.icc)
    plane = picture.alpha[..., None]  # [H, W, 1]
    alpha = _through(bands, to_tensor(plane), plane, scale)[..., 0]
    shares = to_tensor(plane).add_(1).div_(2)  # [1, 3, H, W] in [0, 1]
    covered = to_tensor(picture.pixels).add_(1).mul_(shares).sub_(1)  # [1, 3, H, W] in [-1, 1]
    return Picture(_through(bands, covered, picture.pixels, scale, alpha), alpha, picture.icc)


def translated(picture: Picture, bands: Bands) -> Picture:
    """The picture translated; its alpha and colour profile are carried over, its bit depth is kept.

    Grey becomes colour, which a grey picture's profile does not describe: that one is left out.
    """
    height, width, channels = picture.pixels.shape
    result = np.empty((height, width, 3), picture.pixels.dtype)
    _collect(bands, to_tensor(picture.pixels), result)
    return Picture(result, picture.alpha, picture.icc if channels == 3 else None)


def to_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 or uint16 [H, W, 1 or 3] to float32 [1, 3, H, W] in [-1, 1]."""
    top = np.iinfo(pixels.dtype).max
    values = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32, order="C"))  # [C, H, W]
    return values.div_(top / 2).sub_(1)[None].repeat(1, 3 // len(values), 1, 1)


def to_pixels(image: Tensor, dtype: np.dtype) -> np.ndarray:
    """[1, C, H, W] in [-1, 1] to [H, W, C] of the integer type, rounded; what is beyond the range is clipped."""
    top = np.iinfo(dtype).max
    values = image[0].float().clamp(-1, 1).add_(1).mul_(top / 2).round_()  # a new tensor from the clamp on
    whole = values.to(torch.uint8 if dtype == np.uint8 else torch.int32)
    return whole.permute(1, 2, 0).cpu().numpy().astype(dtype, copy=False)


def _through(bands: Bands, image: Tensor, like: np.ndarray, scale: int, alpha: np.ndarray | None = None) -> np.ndarray:
    """The enlarged pixels, with as many channels as `like` [H, W, C] and of its type; divided by `alpha` if given."""
    height, width, channels = like.shape
    result = np.empty((height * scale, width * scale, channels), like.dtype)
    _collect(bands, image, result, alpha)
    return result


def _collect(bands: Bands, image: Tensor, result: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Fills `result` [h, w, 1 or 3] with the finished rows."""
    top = 0
    for band in bands(image, 8 * result.dtype.itemsize):
        finite = band.isfinite().all()
        rows = slice(top, top + band.shape[2])
        if alpha is not None:
            band = _uncovered(band, alpha[rows])
        if result.shape[2] == 1:
            band = band.mean(1, keepdim=True)
        result[rows] = to_pixels(band, result.dtype)
        if not finite:  # looked at here, where the pixels have been waited for
            raise InputError("the network's output is not a number in places, in float32 too")
        top = rows.stop
    assert top == len(result), f"{top} of {len(result)} rows"


def _uncovered(band: Tensor, alpha: np.ndarray) -> Tensor:
    """Colours [1, 3, h, w] in [-1, 1] that are multiplied by alpha, divided by it; black where alpha [h, w] is 0."""
    whole = torch.from_numpy(alpha.astype(np.int32)).to(band.device)
    share = whole.float() / np.iinfo(alpha.dtype).max  # [h, w] in [0, 1]
    return torch.where(whole > 0, (band + 1) / share, 0) - 1
