"""Masks drawn at random, for methods that fill holes: rectangles and strokes."""

import cv2
import numpy as np


def drawn_mask(rng: np.random.Generator, side: int) -> np.ndarray:
    """uint8 [1, side, side], 255 within the hole and 0 outside: 1 to 3 rectangles and 1 to 4 strokes.

    A rectangle's sides are a tenth to a half of the image's, a stroke goes through 3 to 6 points and is up to a tenth
    of the image's side wide.
    """
    mask = np.zeros((side, side), np.uint8)
    for _ in range(rng.integers(1, 4)):
        height, width = (max(1, round(side * part)) for part in rng.uniform(0.1, 0.5, 2))
        top, left = int(rng.integers(side - height + 1)), int(rng.integers(side - width + 1))
        mask[top : top + height, left : left + width] = 255
    for _ in range(rng.integers(1, 5)):
        points = rng.integers(0, side, (int(rng.integers(3, 7)), 1, 2)).astype(np.int32)
        thickness = max(1, round(side * rng.uniform(0.02, 0.1)))
        cv2.polylines(mask, [points], isClosed=False, color=255, thickness=thickness)
    return mask[None]
