"""What happens to a picture on its way into a batch: resize, random crop, random flip.

Every random number is a function of (stream, seed, epoch, position) and of nothing else, so that a sample looks the
same whichever process makes it and whatever ran before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from advloss.core.errors import InputError

Resize = Literal["stretch", "shorter", "none"]


@dataclass(frozen=True)
class View:
    """How a picture is cut to size: `resize` to `load` pixels, then a crop of `crop` pixels, mirrored and turned.

    resize: "stretch" makes it load x load, "shorter" its shorter side `load` (the shape stays), "none" leaves it.
    flip: every other crop is mirrored. rotate: each is turned by 0, 1, 2 or 3 quarters; with `flip` 8 symmetries.
    """

    resize: Resize
    load: int
    crop: int
    flip: bool
    rotate: bool = False

    def __post_init__(self) -> None:
        if self.resize not in ("stretch", "shorter", "none"):
            raise InputError(f"data.resize is '{self.resize}'; use stretch, shorter or none")
        if self.resize != "none" and self.load < self.crop:
            raise InputError(f"data.load is {self.load}, smaller than data.crop, {self.crop}; a crop comes out of it")


@dataclass(frozen=True)
class Crop:
    """One drawn crop, in pixels from the top left; mirrored first, then turned to the left by so many quarters."""

    top: int
    left: int
    side: int
    mirrored: bool
    quarters: int = 0

    def scaled(self, scale: int) -> "Crop":
        """The same part of a picture `scale` times as large."""
        return replace(self, top=scale * self.top, left=scale * self.left, side=scale * self.side)

    def steps(self, width: int) -> tuple[int, int, int]:
        """Where the crop's pixel (y, x) lies in rows of `width` pixels: at first + down * y + across * x."""
        first, down, across = self.top * width + self.left, width, 1
        if self.mirrored:
            first, across = first + (self.side - 1) * across, -across
        for _ in range(self.quarters):  # the last column becomes the first row
            first, down, across = first + (self.side - 1) * across, -across, down
        return first, down, across


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


def drawn_crop(drawn: Sequence[float], size: tuple[int, int], view: View) -> Crop:
    """A crop inside (height, width), each place and each of the view's symmetries equally likely.

    drawn: see `draws`.
    """
    down, across, mirror, turn = drawn
    top, left = int(down * (size[0] - view.crop + 1)), int(across * (size[1] - view.crop + 1))
    return Crop(top, left, view.crop, view.flip and mirror < 0.5, int(4 * turn) if view.rotate else 0)


def copy_crop(crop: Crop, picture: np.ndarray, out: np.ndarray) -> None:
    """The crop of `picture` [C, H, W] into `out` [C, side, side], both uint8.

    OpenCV mirrors and transposes in place, six times as fast as numpy's negative and exchanged steps.
    """
    out[:] = picture[:, crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
    rows = out.reshape(-1, crop.side)  # [C side, side]
    if crop.mirrored:
        cv2.flip(rows, 1, dst=rows)
    if crop.quarters % 2:
        for channel in out:
            cv2.transpose(channel, dst=channel)
    if crop.quarters in (1, 2):
        for channel in out:
            cv2.flip(channel, 0, dst=channel)
    if crop.quarters in (2, 3):
        cv2.flip(rows, 1, dst=rows)


def middle_crop(picture: np.ndarray, side: int, scale: int = 1) -> np.ndarray:
    """The middle `side` x `side` pixels of [H, W, C]; their corner lies at multiples of `scale` pixels."""
    top, left = ((length - side) // 2 // scale * scale for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def fit(size_a: tuple[int, int], size_b: tuple[int, int], scale: int) -> bool:
    """Whether b is `scale` times as large as a, each (height, width); less than `scale` pixels more are no matter."""
    return all(scale * a <= b < scale * (a + 1) for a, b in zip(size_a, size_b, strict=True))


def check_crop_fits(name: str, size: tuple[int, int], crop: int) -> None:
    """Raises unless a crop of `crop` pixels fits into (height, width)."""
    if min(size) < crop:
        raise InputError(
            f"{name}: {size[1]}x{size[0]} pixels after the resize, smaller than the crop of {crop}x{crop}; "
            "lower data.crop, or raise data.load with data.resize=shorter or stretch"
        )
