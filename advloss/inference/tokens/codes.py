"""Applies a tokenizer to tensors: images to codes and back, on the CPU one image at a time."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.methods.uses import Tokenizing


@torch.no_grad()
def encoded(tokenizer: Tokenizing, image: Tensor) -> Tensor:
    """The indices of images [B, C, H, W], or the latents if there are no codes. InputError if they are not finite."""

    def one(image: Tensor) -> Tensor:
        made = tokenizer.encode(image)
        if not made.latent.isfinite().all():
            raise InputError("the encoder's output is not a number in places")
        return made.latent if made.indices is None else made.indices

    return _apart(one, image)


@torch.no_grad()
def decoded(tokenizer: Tokenizing, codes: Tensor | np.ndarray, size: tuple[int, int], device: torch.device) -> Tensor:
    """The images [B, C, height, width] of a result of `encoded`. Raises InputError for codes of another size.

    device: the model's.
    """
    if isinstance(codes, np.ndarray) and codes.dtype.kind in "iuf":
        codes = torch.from_numpy(codes.astype(np.float32 if codes.dtype.kind == "f" else np.int64))
    if not isinstance(codes, Tensor):
        raise InputError(f"decode: takes codes as a tensor or an array of numbers, not {type(codes).__name__}")
    if not (isinstance(size, Sequence) and len(size) == 2 and all(isinstance(side, int) for side in size)):
        raise InputError(f"decode: size={size!r}; it is (height, width) in pixels")
    codes = codes.to(device)
    _check(codes, size, tokenizer.factor, tokenizer.codes is not None)
    return _apart(lambda one: tokenizer.decode(one, size), codes if tokenizer.codes is not None else codes.float())


def _apart(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Calls the function, on the CPU for each item of the batch separately, which is not slower there.

    In a batch convolutions may add in another order, so that a latent between two codes may get the other code.
    """
    if batch.device.type != "cpu" or len(batch) < 2:
        return function(batch)
    return torch.cat([function(one) for one in batch.split(1)])


def _check(codes: Tensor, size: tuple[int, int], f: int, has_codes: bool) -> None:
    """Raises InputError unless codes have the shape [B, h, w], [B, h, w, n] or (latents) [B, D, h, w] of this size."""
    grid = tuple(codes.shape[1:3] if has_codes else codes.shape[2:4])
    right = tuple(-(-side // f) for side in size)
    if min(size) < 1 or grid != right:
        what = "indices [B, h, w]" if has_codes else "latents [B, D, h, w]"
        raise InputError(
            f"decode: {what} of shape {list(codes.shape)} are not of a picture of {size[0]} x {size[1]} pixels "
            f"(height x width): at {f} pixels a token it has {right[0]} x {right[1]}"
        )
