"""Pictures for the browser: 8-bit RGB of moderate size. Results themselves are never changed."""

import colorsys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from advloss.images.reading import Picture, flattened, read_picture, to_8bit

LONGEST, SHORTEST = 1600, 480
"""Pixels of a preview's longer side: larger ones are made smaller, smaller ones a whole number of times larger."""
GOLDEN = 0.61803398875


def preview(picture: Path, to: Path, longest: int = LONGEST) -> Path:
    """Writes a picture's preview, a PNG, without making it larger."""
    pixels = rgb8(read_picture(picture))
    return _written(_fitted(pixels, _bounded(pixels.shape[:2], longest)), to)


def comparison(before: Path, after: Path, folder: Path) -> tuple[Path, Path]:
    """Writes the previews of a picture and of its result, equally large. Of the former the middle is shown, if its
    sides have another ratio. The result's is the same in every pixel, or smaller, or a whole number of times larger."""
    result = rgb8(read_picture(after))
    size = _bounded(result.shape[:2], LONGEST)
    times = max(1, SHORTEST // max(size))
    source = _middle(rgb8(read_picture(before)), size)
    shown = [_enlarged(_fitted(pixels, size), times) for pixels in (source, result)]
    return _written(shown[0], folder / "before.png"), _written(shown[1], folder / "after.png")


def enlarged(picture: Path, to: Path) -> Path:
    """Writes the preview of a picture as it is, made smaller, or a whole number of times larger."""
    pixels = rgb8(read_picture(picture))
    size = _bounded(pixels.shape[:2], LONGEST)
    return _written(_enlarged(_fitted(pixels, size), max(1, SHORTEST // max(size))), to)


def token_picture(indices: np.ndarray, to: Path) -> Path:
    """Writes tokens [h, w] or [h, w, n] as squares, those of n codebooks side by side. Each code has its colour."""
    books = indices[..., None] if indices.ndim == 2 else indices
    height, width, count = books.shape
    canvas = np.full((height, count * (width + 1) - 1, 3), 255, np.uint8)
    colours = {code: colour(int(code)) for code in np.unique(books)}
    for book in range(count):
        shown = np.array([colours[code] for code in books[..., book].ravel()], np.uint8)
        canvas[:, book * (width + 1) :][:, :width] = shown.reshape(height, width, 3)
    size = _bounded(canvas.shape[:2], LONGEST)
    return _written(_enlarged(_fitted(canvas, size), max(1, SHORTEST // max(size))), to)


def colour(code: int) -> tuple[int, int, int]:
    """The colour of a code: neighbouring codes differ in their hue by the golden ratio, others in their brightness."""
    red, green, blue = colorsys.hsv_to_rgb(code * GOLDEN % 1, 0.45 + 0.45 * (code * 0.37 % 1), 0.55 + code * 0.29 % 0.4)
    return round(255 * red), round(255 * green), round(255 * blue)


def rgb8(picture: Picture) -> np.ndarray:
    """uint8 [H, W, 3] to look at: alpha over white, floats from the smallest to the largest, grey three times; of other
    channels the first one."""
    pixels = flattened(picture).pixels
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255 / (high - low or 1))).round().astype(np.uint8)
    pixels = to_8bit(pixels)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _bounded(size: tuple[int, ...], longest: int) -> tuple[int, int]:
    """(height, width) in the same ratio with no side above `longest`."""
    share = min(1, longest / max(size))
    height, width = (max(1, round(side * share)) for side in size)
    return height, width


def _middle(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part around the middle whose sides have the ratio of `size`."""
    height, width = pixels.shape[:2]
    share = min(height / size[0], width / size[1])
    rows, columns = (max(1, min(most, round(side * share))) for side, most in zip(size, (height, width), strict=True))
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels.shape[:2] == size:
        return pixels
    way = cv2.INTER_CUBIC if size[0] > pixels.shape[0] else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, (size[1], size[0]), interpolation=way))


def _enlarged(pixels: np.ndarray, times: int) -> np.ndarray:
    return pixels.repeat(times, 0).repeat(times, 1)


def _written(pixels: np.ndarray, to: Path) -> Path:
    Image.fromarray(pixels).save(to, "PNG", compress_level=1)
    return to
