"""The drawings of `digits`: one digit in a picture, white on black, in several fonts, sizes, places and strokes."""

import cv2
import numpy as np

from advloss.data.synthetic.drawing import Array

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)
CLASSES = tuple("0123456789")
CANVAS = 128
"""Pixels of the square that a digit is drawn in before it is made small."""
HEIGHT = 0.62
"""A digit's mean height over the picture's side."""

BLUR = 1.5 / 28
"""The deviation of the blur of a digit out of focus, over the picture's side."""


def label(rng: np.random.Generator) -> int:
    """Which digit a picture shows: the first number that its generator draws."""
    return int(rng.integers(10))


def draw(rng: np.random.Generator, size: int, coloured: bool = False) -> Array:
    """uint8 [S, S, 3]: a digit whose font, stroke, slant, turn, size and place are random.

    coloured: one colour on another, instead of white on black.
    """
    ink = _ink(rng, size)
    paper, pen = _colours(rng) if coloured else (np.zeros(3, np.float32), np.full(3, 255, np.float32))
    return np.round(paper + ink * (pen - paper)).astype(np.uint8)


def draw_style(rng: np.random.Generator, size: int, second: bool) -> Array:
    """uint8 [S, S, 3]: a digit in one of two styles, for domain adaptation.

    second: out of focus, a lighter colour on a middling one; else as `draw` draws it, sharp and white on black.
    """
    if not second:
        return draw(rng, size)
    ink = cv2.GaussianBlur(_ink(rng, size), (0, 0), BLUR * size)[..., None]
    paper = rng.uniform(90, 160, 3)
    lighter = rng.uniform(60, 95) * rng.uniform(0.5, 1, 3)
    return np.round(paper + ink * lighter).astype(np.uint8)


def _ink(rng: np.random.Generator, size: int) -> Array:
    """float32 [S, S, 1]: 1 where the digit is, 0 elsewhere."""
    digit = label(rng)
    font, stroke = FONTS[int(rng.integers(len(FONTS)))], int(rng.integers(6, 15))
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    (width, height), _ = cv2.getTextSize(CLASSES[digit], font, 1.0, 1)
    scale = HEIGHT * CANVAS / height
    corner = (round((CANVAS - width * scale) / 2), round((CANVAS + height * scale) / 2))
    cv2.putText(canvas, CLASSES[digit], corner, font, scale, 255, stroke, cv2.LINE_AA)
    shown = cv2.warpAffine(canvas, _pose(rng), (CANVAS, CANVAS), flags=cv2.INTER_LINEAR)
    return cv2.resize(shown, (size, size), interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)


def _pose(rng: np.random.Generator) -> Array:
    """A turn of up to 12 degrees, a slant, a size from 0.8 to 1.1, and a shift: the matrix [2, 3]."""
    angle, slant = np.deg2rad(rng.uniform(-12, 12)), rng.uniform(-0.2, 0.2)
    size, shift = rng.uniform(0.8, 1.1), rng.uniform(-0.08, 0.08, 2) * CANVAS
    cos, sin = np.cos(angle), np.sin(angle)
    linear = size * np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, slant], [0, 1]])
    middle = np.full(2, (CANVAS - 1) / 2)
    return np.column_stack([linear, middle - linear @ middle + shift])


def _colours(rng: np.random.Generator) -> tuple[Array, Array]:
    """Two colours whose lightness is at least 100 levels apart."""
    while True:
        one, other = rng.uniform(0, 255, (2, 3)).astype(np.float32)
        if abs(one.mean() - other.mean()) >= 100:
            return one, other
