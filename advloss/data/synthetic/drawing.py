"""Functions that both synthetic sets draw with: smooth noise, soft shapes by signed distance, and mixing by a mask."""

import cv2
import numpy as np

Array = np.ndarray


def grid(size: int) -> tuple[Array, Array]:
    """x and y of the pixels' centres, in [0, 1]: two [S, S]."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(centres, centres)
    return x, y


def smooth_noise(rng: np.random.Generator, size: int, cells: tuple[int, int]) -> Array:
    """Smooth noise [S, S], mostly in [-1, 1]. cells: how many bumps it has down and across, at each size."""
    coarse = rng.uniform(-1, 1, cells).astype(np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


def capsule(x: Array, y: Array, start: tuple[float, float], end: tuple[float, float], radius: float) -> Array:
    """Signed distance to a line from `start` to `end` with round ends: negative inside."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    t = ((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2)
    t = np.clip(t, 0, 1)
    return np.hypot(x - start[0] - t * along_x, y - start[1] - t * along_y) - radius


def ellipse(x: Array, y: Array, centre: tuple[float, float], radii: tuple[float, float]) -> Array:
    """Signed distance to an ellipse: exact on its outline, approximate elsewhere."""
    p, q = (x - centre[0]) / radii[0], (y - centre[1]) / radii[1]
    level = np.hypot(p, q)
    slope = np.hypot(p / radii[0], q / radii[1]) / np.maximum(level, 1e-6)
    return (level - 1) / np.maximum(slope, 1e-6)


def inside(distance: Array, pixel: float) -> Array:
    """The part of each pixel that is inside, in [0, 1]. pixel: the width of a pixel, in the unit of `distance`."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def mix(below: Array, above: Array | tuple[float, float, float], cover: Array) -> Array:
    """cover above + (1 - cover) below: [H, W, 3], with `cover` [H, W] in [0, 1]."""
    cover = cover[..., None]
    return below * (1 - cover) + np.asarray(above, np.float32) * cover


def to_bytes(image: Array) -> Array:
    """[0, 1] to uint8."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
