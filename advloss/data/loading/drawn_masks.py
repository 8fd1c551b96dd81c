"""Masks that are drawn, for methods that fill holes: rectangles and strokes at random, or the middle."""

import cv2
import numpy as np


def drawn_mask(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """uint8 [1, *size], 255 within the hole and 0 outside: 1 to 3 rectangles and 1 to 4 strokes.

    A rectangle's sides are a tenth to a half of the image's, a stroke goes through 3 to 6 points and is up to a tenth
    of the image's side wide.
    """
    mask = np.zeros(size, np.uint8)
    for _ in range(rng.integers(1, 4)):
        height, width = (max(1, round(s * part)) for s, part in zip(size, rng.uniform(0.1, 0.5, 2), strict=True))
        top, left = int(rng.integers(size[0] - height + 1)), int(rng.integers(size[1] - width + 1))
        mask[top : top + height, left : left + width] = 255
    for _ in range(rng.integers(1, 5)):
        points = rng.integers(0, size[::-1], (int(rng.integers(3, 7)), 1, 2)).astype(np.int32)  # x, y
        thickness = max(1, round(min(size) * rng.uniform(0.02, 0.1)))
        cv2.polylines(mask, [points], isClosed=False, color=255, thickness=thickness)
    return mask[None]


def centre_mask(size: tuple[int, int]) -> np.ndarray:
    """uint8 [1, *size], 255 within the middle half along each axis and 0 outside."""
    mask = np.zeros(size, np.uint8)
    (top, bottom), (left, right) = (((side - side // 2) // 2, (side - side // 2) // 2 + side // 2) for side in size)
    mask[top:bottom, left:right] = 255
    return mask[None]
