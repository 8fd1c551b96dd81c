"""What happens to a picture on its way into a batch: resize, random crop, random flip.

Every random number is a function of (stream, seed, epoch, position) and of nothing else, so that a sample looks the
same whichever process makes it and whatever ran before.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from advloss.errors import InputError

Resize = Literal["stretch", "shorter", "none"]

ORDER, PARTNERS, VIEW_A, VIEW_B, AUGMENT_A, AUGMENT_B = range(1, 7)
"""Streams of random numbers. Each comes first in its seed, and none is 0: numpy takes [s, e] and [s, e, 0] for one."""


def random(stream: int, seed: int, epoch: int, position: int = 0) -> np.random.Generator:
    """The generator for one use in one sample."""
    return np.random.default_rng([stream, seed, epoch, position])


@dataclass(frozen=True)
class View:
    """How a picture is cut to size: `resize` to `load` pixels, then a crop of `crop` pixels, perhaps mirrored.

    resize: "stretch" makes it load x load, "shorter" its shorter side `load` (the shape stays), "none" leaves it.
    """

    resize: Resize
    load: int
    crop: int
    flip: bool

    def __post_init__(self) -> None:
        if self.resize not in ("stretch", "shorter", "none"):
            raise InputError(f"data.resize is '{self.resize}'; use stretch, shorter or none")
        if self.resize != "none" and self.load < self.crop:
            raise InputError(f"data.load is {self.load}, smaller than data.crop, {self.crop}; a crop comes out of it")


@dataclass(frozen=True)
class Crop:
    """One drawn crop, in pixels from the top left."""

    top: int
    left: int
    side: int
    mirrored: bool


def resized_size(size: tuple[int, int], resize: Resize, load: int) -> tuple[int, int]:
    """(height, width) after the resize."""
    height, width = size
    if resize == "stretch":
        return load, load
    if resize == "none":
        return size
    shorter = min(height, width)
    return max(load, round(height * load / shorter)), max(load, round(width * load / shorter))


def resized(picture: np.ndarray, resize: Resize, load: int) -> np.ndarray:
    """uint8 [H, W, 3], bicubic with antialias (Pillow's; OpenCV's has none and differs by up to 22 levels)."""
    height, width = resized_size((picture.shape[0], picture.shape[1]), resize, load)
    if (height, width) == picture.shape[:2]:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def drawn_crop(rng: np.random.Generator, size: tuple[int, int], view: View) -> Crop:
    """A crop inside (height, width), each place equally likely; mirrored every other time if the view flips."""
    down, across, mirror = rng.random(3)
    top, left = int(down * (size[0] - view.crop + 1)), int(across * (size[1] - view.crop + 1))
    return Crop(top, left, view.crop, view.flip and bool(mirror < 0.5))


def middle_crop(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle `side` x `side` pixels of [H, W, C]."""
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def check_crop_fits(name: str, size: tuple[int, int], crop: int) -> None:
    """Raises unless a crop of `crop` pixels fits into (height, width)."""
    if min(size) < crop:
        raise InputError(
            f"{name}: {size[1]}x{size[0]} pixels after the resize, smaller than the crop of {crop}x{crop}; "
            "lower data.crop, or raise data.load with data.resize=shorter or stretch"
        )
