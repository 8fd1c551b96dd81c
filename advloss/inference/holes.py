"""Fills holes in a picture of any size by a network that was trained on squares.

Each hole gets a square of the trained size around its middle. What lies outside of the holes is never changed.

A hole wider than half a square is filled from its border inwards: the square is laid where most of it is known, the
holes in its middle half are filled, and so on. What was filled is known to the next squares. This order is our own.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

Fill = Callable[[Tensor, Tensor], Tensor]
"""(image [1, C, S, S] in [-1, 1], mask [1, 1, S, S] of 0 and 1, 1 in holes) -> the filled image [1, C, S, S]"""
Window = tuple[int, int]
"""The top left corner of a square, in pixels."""


def filled(image: Tensor, mask: Tensor, fill: Fill, side: int) -> Tensor:
    """The image with its holes filled. image: [1, C, H, W] in [-1, 1]. mask: bool [H, W], true in holes.

    side: of the squares that `fill` takes, in pixels. A smaller image is made as large by mirroring; a square holds
    every hole within it, and 0 there. Pixels outside of the holes stay bit for bit.
    """
    height, width = mask.shape
    made, left = _padded(image, mask, side)
    for (top, start), place in _windows(left, side):
        window = (slice(top, top + side), slice(start, start + side))
        hole = torch.from_numpy(left[window]).to(image.device)[None, None]
        whole = made[..., window[0], window[1]]
        result = fill(whole.masked_fill(hole, 0), hole.to(image.dtype))
        wanted = torch.from_numpy(place).to(image.device) & hole[0, 0]
        made[..., window[0], window[1]] = torch.where(wanted, result, whole)
        left[window] &= ~place
    return made[..., :height, :width]


def _padded(image: Tensor, mask: Tensor, side: int) -> tuple[Tensor, np.ndarray]:
    """A copy of the image, and its mask, at least `side` pixels along each axis: mirrored at the bottom and right."""
    height, width = mask.shape
    rows = _mirrored(height, max(height, side))
    columns = _mirrored(width, max(width, side))
    made = image[..., rows, :][..., columns].clone()
    return made, mask.cpu().numpy()[rows][:, columns].copy()


def _mirrored(length: int, wanted: int) -> np.ndarray:
    """The places 0 ... length - 1, then back and forth: integers [wanted]."""
    place = np.arange(wanted) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)


def _windows(left: np.ndarray, side: int) -> Iterator[tuple[Window, np.ndarray]]:
    """Squares, and which of their pixels [side, side] are to be filled, until no hole is left. left: bool [H, W], true
    where a hole is left; the caller changes it."""
    for top, start, height, width in _boxes(left):
        if max(height, width) <= side // 2 and left[top : top + height, start : start + width].any():
            corner = _corner((top + height // 2, start + width // 2), left.shape, side)
            place = np.zeros((side, side), bool)
            first = top - corner[0], start - corner[1]
            place[first[0] : first[0] + height, first[1] : first[1] + width] = True
            yield corner, place
    while left.any():
        centre = _most_known(left, side)
        corner = _corner(centre, left.shape, side)
        place = np.zeros((side, side), bool)
        middle = [
            slice(max(0, at - zero - side // 4), at - zero + side // 4 + 1)
            for at, zero in zip(centre, corner, strict=True)
        ]
        place[middle[0], middle[1]] = True
        yield corner, place


def _boxes(mask: np.ndarray) -> np.ndarray:
    """(top, left, height, width) of the box around each connected hole: int [N, 4]."""
    _, _, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    boxes = found[1:, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
    return np.asarray(boxes, int)


def _corner(centre: Window, shape: tuple[int, ...], side: int) -> Window:
    """The corner of the square around a pixel that lies within the image."""
    top, left = (min(max(at - side // 2, 0), length - side) for at, length in zip(centre, shape, strict=True))
    return top, left


def _most_known(left: np.ndarray, side: int) -> Window:
    """The hole's pixel with most known pixels in the square around it: (row, column)."""
    rows, columns = np.flatnonzero(left.any(1)), np.flatnonzero(left.any(0))
    top, start = max(0, rows[0] - side), max(0, columns[0] - side)
    part = left[top : rows[-1] + side + 1, start : columns[-1] + side + 1]
    unknown = cv2.boxFilter(part.astype(np.float32), -1, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
    unknown[~part] = np.inf
    row, column = np.unravel_index(int(unknown.argmin()), part.shape)
    return int(row) + int(top), int(column) + int(start)
