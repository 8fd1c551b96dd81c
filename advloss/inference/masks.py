"""Masks of holes in all kinds: a path, PIL's image, an array, a tensor."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from advloss.core.errors import InputError
from advloss.images.reading import read_pixels

MaskLike = str | Path | Image.Image | np.ndarray | Tensor
"""White, 1 or true in holes: a path, PIL's image, an array [H, W], a tensor [H, W], [1, H, W] or [B, 1, H, W]."""
HOLE = 128
"""Levels of 8 bits from here on are holes, as in training."""


def mask_of(asked: str, mask: MaskLike, image: Tensor) -> Tensor:
    """The masks of images [B, C, H, W]: bool [B, H, W], true in holes.

    Raises InputError, which begins with `asked` or the file's name, for another kind, type or size.
    """
    if isinstance(mask, str | Path):
        asked, mask = str(mask), read_mask(Path(mask))
    if isinstance(mask, Image.Image):
        mask = np.asarray(mask.convert("L"))
    if isinstance(mask, np.ndarray):
        mask = torch.from_numpy(_holes(asked, mask))
    if not isinstance(mask, Tensor):
        raise InputError(f"{asked}: a mask is a path, PIL's image, an array or a tensor, not {type(mask).__name__}")
    wanted = [len(image), 1, *image.shape[-2:]]
    shape = [*[1] * (4 - mask.ndim), *mask.shape]
    if shape != wanted:
        raise InputError(f"{asked}: the mask is {list(mask.shape)}, and of this image it is {wanted[2:]}")
    values = mask.reshape(len(image), *wanted[2:]).cpu()
    if values.dtype == torch.bool:
        return values
    if not ((values == 0) | (values == 1)).all():
        raise InputError(f"{asked}: a mask as a tensor holds 0 and 1, the latter in holes")
    return values == 1


def read_mask(path: Path) -> np.ndarray:
    """A mask's file: bool [H, W], true where it is white. Raises `UnreadableImage`."""
    return read_pixels(path, 1, 8)[..., 0] >= HOLE


def _holes(asked: str, mask: np.ndarray) -> np.ndarray:
    mask = mask[..., 0] if mask.ndim == 3 and mask.shape[2] == 1 else mask
    if mask.ndim != 2 or (mask.dtype not in (np.bool_, np.uint8) and mask.dtype.kind != "f"):
        raise InputError(f"{asked}: a mask is bool, uint8 or float [H, W], not {mask.dtype} {list(mask.shape)}")
    if mask.dtype == np.bool_:
        return mask.copy()
    if mask.dtype.kind == "f" or mask.max(initial=0) <= 1:  # 0 and 1, also as uint8
        return mask >= 0.5
    return mask >= HOLE
