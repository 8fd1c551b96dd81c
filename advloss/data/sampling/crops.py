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

from advloss.core.clock import Schedule
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
class CropSide:
    """The crop's side in each batch, in pixels: a number, or a schedule by the iteration.

    per_iteration: batches that an iteration takes. multiple: what a side of the schedule is rounded down to.
    """

    side: int | Schedule
    per_iteration: int = 1
    multiple: int = 1

    def at(self, number: int) -> int:
        """In batch `number`, a function of it alone."""
        if not isinstance(self.side, Schedule):
            return self.side
        return self._rounded(self.side.at(number // self.per_iteration))

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest."""
        if not isinstance(self.side, Schedule):
            return self.side, self.side
        return self._rounded(min(self.side.bounds)), self._rounded(max(self.side.bounds))

    def _rounded(self, side: float) -> int:
        return int(side) // self.multiple * self.multiple


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


def resized(picture: np.ndarray, resize: Resize, load: int, hard: bool = False) -> np.ndarray:
    """[H, W, C] of uint8, uint16 or float32, bicubic with antialias (OpenCV has none and differs by up to 22 levels).

    hard: the nearest pixel instead, as for masks. Whole numbers are rounded, and stay within their range.
    """
    height, width = resized_size((picture.shape[0], picture.shape[1]), resize, load)
    if (height, width) == picture.shape[:2]:
        return picture
    method = Image.Resampling.NEAREST if hard else Image.Resampling.BICUBIC
    if picture.dtype == np.uint8 and picture.shape[2] == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), method))
    return np.stack([_resized_channel(picture[..., c], width, height, method) for c in range(picture.shape[2])], 2)


def _resized_channel(channel: np.ndarray, width: int, height: int, method: Image.Resampling) -> np.ndarray:
    """[H, W] to [height, width], the type kept."""
    wide = channel if channel.dtype == np.uint8 else channel.astype(np.float32)
    made = np.asarray(Image.fromarray(np.ascontiguousarray(wide)).resize((width, height), method))
    if channel.dtype != np.uint16:
        return made
    return np.clip(made.round(), 0, 65535).astype(np.uint16)


def drawn_crop(drawn: Sequence[float], size: tuple[int, int], view: View, side: int) -> Crop:
    """A crop of `side` pixels inside (height, width), each place and each of the view's symmetries equally likely.

    drawn: see `draws`.
    """
    down, across, mirror, turn = drawn
    top, left = int(down * (size[0] - side + 1)), int(across * (size[1] - side + 1))
    return Crop(top, left, side, view.flip and mirror < 0.5, int(4 * turn) if view.rotate else 0)


def copy_crop(crop: Crop, picture: np.ndarray, out: np.ndarray) -> None:
    """The crop of `picture` [C, H, W] into `out` [C, side, side], both of one type.

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
