"""Images of all kinds (a path, PIL's image, an array, a tensor) for a model, and results of the same kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.formats import FieldFormat
from advloss.images.decoding import integers
from advloss.images.picture import Undecodable
from advloss.images.reading import Picture, flattened, read_picture
from advloss.inference.formats import channels_misfit, levels, misfit, result_type, to_pixels, to_tensor

ImageLike = str | Path | Image.Image | np.ndarray | Tensor
"""A file's path; PIL's image; uint8, uint16 or float [H, W] or [H, W, C]; float [C, H, W] or [B, C, H, W] in [-1, 1]"""
UINT8 = np.dtype(np.uint8)
MOST = 1.5
"""A tensor with an absolute value above this is refused. Networks without a tanh may give values a little above 1."""


@dataclass(frozen=True)
class Given:
    """An image for a model, and the kind of its result.

    tensor: float32 [B, C, H, W] in [-1, 1]. kind: of the result. rank: of the tensor or the array that was given.
    dtype: of the array, the file or PIL's image.
    """

    tensor: Tensor
    kind: Literal["tensor", "array", "pil"]
    rank: int
    dtype: np.dtype = UINT8

    def image(self, result: Tensor, gives: FieldFormat) -> Any:
        """A result [B, C, H, W] in [-1, 1] as the kind that was given."""
        if self.kind == "tensor":
            return result if self.rank == 4 else result[0]
        pixels = to_pixels(result, self._type(gives, result.shape[1]), gives)
        pixels = pixels[..., 0] if pixels.shape[2] == 1 and (self.rank == 2 or self.kind == "pil") else pixels
        return pixels if self.kind == "array" else _pil(pixels)

    def _type(self, gives: FieldFormat, channels: int) -> np.dtype:
        if np.issubdtype(self.dtype, np.floating):
            return np.dtype(np.float32)
        if self.kind == "pil" and channels > 1 and gives.depth == 8:
            return UINT8  # PIL has no colours of 16 bits
        return result_type(gives, self.dtype)

    def codes(self, result: Tensor) -> Any:
        """Codes [B, h, w] or [B, h, w, n] as a tensor, if a tensor was given, else as an array. For one image they have
        no batch axis."""
        codes = result if self.kind == "tensor" and self.rank == 4 else result[0]
        return codes if self.kind == "tensor" else codes.cpu().numpy()


def given(asked: str, image: ImageLike, takes: FieldFormat) -> Given:
    """An image of any kind for a model. asked: the name of the method that was called.

    Of a file, and of PIL's image, alpha is laid over white unless it is one of the channels that the model takes.
    Raises InputError for another kind, shape, type or range.
    """
    if isinstance(image, Tensor):
        check_tensor(asked, image, takes.channels, ranks=(3, 4))
        return Given(image.float() if image.ndim == 4 else image.float()[None], "tensor", image.ndim)
    if isinstance(image, str | Path):
        if Path(image).is_dir():
            raise InputError(f"{image}: is a folder; {asked} takes one picture")
        picture = read_picture(image)
        pixels = with_channels(picture, takes.channels)
        if why := misfit(pixels, takes):
            raise InputError(f"{image}: {why}")
        return Given(to_tensor(pixels, takes), "array", 3, pixels.dtype)
    if isinstance(image, Image.Image):
        if 0 in image.size:
            raise InputError(f"{asked}: the image has no pixels ({image.width} x {image.height})")
        pixels = with_channels(_picture(asked, image), takes.channels)
        if why := misfit(pixels, takes):
            raise InputError(f"{asked}: the image {why}")
        return Given(to_tensor(pixels, takes), "pil", 3, pixels.dtype)
    if isinstance(image, np.ndarray):
        return _array(asked, image, takes)
    raise InputError(f"{asked}: takes a path, PIL's image, an array or a tensor, not {type(image).__name__}")


def check_tensor(asked: str, image: Tensor, channels: int, ranks: tuple[int, ...] = (4,)) -> None:
    """Raises InputError unless a tensor is float [B, channels, H, W] in [-1, 1], or [channels, H, W] if `ranks` has
    3."""
    one = f" or [{channels}, H, W]" if 3 in ranks else ""
    wanted = f"{asked}: takes float images [B, {channels}, H, W]{one} in [-1, 1]"
    if not isinstance(image, Tensor):
        raise InputError(f"{wanted} as a tensor, not {type(image).__name__}")
    if image.is_meta or image.layout != torch.strided:
        raise InputError(f"{wanted} with their values, not {'a meta tensor' if image.is_meta else image.layout}")
    shaped = image.ndim in ranks and image.shape[-3] == channels
    if not shaped or not image.is_floating_point() or image.numel() == 0:
        raise InputError(f"{wanted}, not {image.dtype} {list(image.shape)}")
    if not image.abs().max() <= MOST:  # or not a number
        low, high = image.min().item(), image.max().item()
        raise InputError(f"{asked}: takes images in [-1, 1], these reach from {low:.3g} to {high:.3g}")


def with_channels(picture: Picture, channels: int) -> np.ndarray:
    """A picture's pixels [H, W, C]. Alpha is the last channel if the model takes one channel more, else it is laid over
    white."""
    if picture.alpha is not None and picture.pixels.shape[2] + 1 == channels:
        return np.concatenate([picture.pixels, picture.alpha[..., None]], axis=2)
    return flattened(picture).pixels


def _array(asked: str, image: np.ndarray, takes: FieldFormat) -> Given:
    known = image.dtype in (np.uint8, np.uint16) or np.issubdtype(image.dtype, np.floating)
    if image.ndim not in (2, 3) or not known or image.size == 0:
        kinds = "uint8, uint16 or float arrays [H, W] or [H, W, C]"
        raise InputError(f"{asked}: takes {kinds}, not {image.dtype} {list(image.shape)}")
    pixels = image[..., None] if image.ndim == 2 else image
    if why := channels_misfit(pixels.shape[2], takes):
        raise InputError(f"{asked}: the array {why}")
    tensor = to_tensor(pixels, takes)
    if not tensor.abs().max() <= MOST:
        low, high = levels(takes, pixels.dtype)
        reach = f"these reach from {pixels.min():.3g} to {pixels.max():.3g}"
        raise InputError(f"{asked}: takes floats from {low:g} to {high:g}, as it was trained on; {reach}")
    return Given(tensor, "array", image.ndim, image.dtype)


def _picture(asked: str, image: Image.Image) -> Picture:
    """PIL's image as a picture. Palettes become RGB or RGBA; grey, 16 bits, floats and alpha stay; all else is RGB.

    Raises InputError for levels that 16 bits can't hold.
    """
    if image.mode == "F":
        return Picture(np.asarray(image)[..., None])
    if image.mode.startswith("I"):
        try:
            return Picture(*integers(image))
        except Undecodable as error:
            raise InputError(f"{asked}: the image holds {error}") from None
    transparent = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    grey = image.mode in ("1", "L", "LA")
    mode = {(True, True): "LA", (True, False): "L", (False, True): "RGBA", (False, False): "RGB"}[grey, transparent]
    array = np.asarray(image.convert(mode))
    if transparent:
        return Picture(array[..., :-1], array[..., -1])
    return Picture(array[..., None] if grey else array)


def _pil(pixels: np.ndarray) -> Image.Image:
    """Pixels as PIL's image. Raises InputError for those that PIL has no mode for: 16-bit and float colours."""
    shape = pixels.shape[2:] or (1,)
    if pixels.dtype != np.uint8 and shape != (1,):
        raise InputError(f"PIL has no image of {shape[0]} channels of {pixels.dtype}; give an array or a tensor")
    if shape[0] not in (1, 2, 3, 4):
        raise InputError(f"PIL has no image of {shape[0]} channels; give an array or a tensor")
    return Image.fromarray(pixels)
