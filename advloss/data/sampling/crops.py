"""How a picture becomes a sample of a batch: resize, random crop, random flip and rotation.

Every random number is a function of (stream, seed, epoch, position) alone, see `random_streams`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from advloss.core.clock import Schedule
from advloss.core.errors import InputError

Resize = Literal["stretch", "shorter", "none"]


@dataclass(frozen=True)
class View:
    """How a picture becomes a sample: resized to `load` pixels, cropped to `crop` pixels, mirrored and rotated.

    resize: "stretch" makes it load x load; "shorter" makes its shorter side `load` and keeps its shape; "none" does not
    resize. flip: a crop is mirrored left to right with probability 1/2. rotate: a crop is rotated by 0, 90, 180 or 270
    degrees, each equally likely.
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
class CropSide:
    """The crop's side in each batch, in pixels: a number, or a schedule by the iteration.

    per_iteration: batches that an iteration takes. multiple: a side of the schedule is rounded down to its multiples.
    """

    side: int | Schedule
    per_iteration: int = 1
    multiple: int = 1

    def at(self, number: int) -> int:
        """The side in batch `number`."""
        if not isinstance(self.side, Schedule):
            return self.side
        return self._rounded(self.side.at(number // self.per_iteration))

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest side."""
        if not isinstance(self.side, Schedule):
            return self.side, self.side
        return self._rounded(min(self.side.bounds)), self._rounded(max(self.side.bounds))

    def _rounded(self, side: float) -> int:
        return int(side) // self.multiple * self.multiple


@dataclass(frozen=True)
class Crop:
    """One drawn crop, in pixels from the top left. It is mirrored first, then rotated to the left `quarters` times by
    90 degrees."""

    top: int
    left: int
    side: int
    mirrored: bool
    quarters: int = 0

    def scaled(self, scale: int) -> "Crop":
        """The same part of a picture `scale` times as large."""
        return replace(self, top=scale * self.top, left=scale * self.left, side=scale * self.side)

    def steps(self, width: int) -> tuple[int, int, int]:
        """(first, down, across): the crop's pixel (y, x) is pixel first + down * y + across * x of the picture, counted
        along its rows of `width` pixels."""
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


def resized(picture: np.ndarray, resize: Resize, load: int, hard: bool = False) -> np.ndarray:
    """Resizes [H, W, C] of uint8, uint16 or float32 by Pillow's bicubic with antialias. Integers are rounded and
    clipped to their range. OpenCV's bicubic has no antialias and differs by up to 22 levels.

    hard: takes the nearest pixel instead, as for masks.
    """
    height, width = resized_size((picture.shape[0], picture.shape[1]), resize, load)
    if (height, width) == picture.shape[:2]:
        return picture
    method = Image.Resampling.NEAREST if hard else Image.Resampling.BICUBIC
    if picture.dtype == np.uint8 and picture.shape[2] == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), method))
    return np.stack([_resized_channel(picture[..., c], width, height, method) for c in range(picture.shape[2])], 2)


def _resized_channel(channel: np.ndarray, width: int, height: int, method: Image.Resampling) -> np.ndarray:
    """[H, W] -> [height, width] of the same type."""
    wide = channel if channel.dtype == np.uint8 else channel.astype(np.float32)
    made = np.asarray(Image.fromarray(np.ascontiguousarray(wide)).resize((width, height), method))
    if channel.dtype != np.uint16:
        return made
    return np.clip(made.round(), 0, 65535).astype(np.uint16)


def drawn_crop(drawn: Sequence[float], size: tuple[int, int], view: View, side: int) -> Crop:
    """A crop of `side` pixels inside (height, width). Each place, flip and rotation of the view is equally likely.

    drawn: four numbers in [0, 1), see `draws`.
    """
    down, across, mirror, quarter = drawn
    top, left = int(down * (size[0] - side + 1)), int(across * (size[1] - side + 1))
    return Crop(top, left, side, view.flip and mirror < 0.5, int(4 * quarter) if view.rotate else 0)


def copy_crop(crop: Crop, picture: np.ndarray, out: np.ndarray) -> None:
    """Copies the crop of `picture` [C, H, W] into `out` [C, side, side] of the same type.

    OpenCV mirrors and transposes: six times as fast as numpy with negative and exchanged strides.
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
    """The middle `side` x `side` pixels of [H, W, C]. Their top left corner is at multiples of `scale` pixels."""
    top, left = ((length - side) // 2 // scale * scale for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def fit(size_a: tuple[int, int], size_b: tuple[int, int], scale: int) -> bool:
    """Whether b is `scale` times as large as a, each (height, width). b may have up to `scale` - 1 pixels more."""
    return all(scale * a <= b < scale * (a + 1) for a, b in zip(size_a, size_b, strict=True))


def check_crop_fits(name: str, size: tuple[int, int], crop: int) -> None:
    """Raises InputError unless a crop of `crop` pixels fits into (height, width)."""
    if min(size) < crop:
        raise InputError(
            f"{name}: {size[1]}x{size[0]} pixels after the resize, smaller than the crop of {crop}x{crop}; "
            "lower data.crop, or raise data.load with data.resize=shorter or stretch"
        )
