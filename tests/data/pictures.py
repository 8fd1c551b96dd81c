"""Small pictures for the tests of data sets."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(number: int, height: int = 24, width: int = 24) -> np.ndarray:
    """Noise that depends on the number alone: uint8 [H, W, 3]."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def profile(space: str = "RGB ") -> bytes:
    """As much of a colour profile as is looked at: the colour space in its header, and bytes to be kept."""
    return b"a profile's " + b"head" + space.encode() + b"and the rest of it, whatever it says" * 3


def fill(folder: Path, names: list[str] | int, first: int = 0, height: int = 24, width: int = 24) -> Path:
    """Pictures of those names (or so many) in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:03d}.png" for number in range(names)] if isinstance(names, int) else names
    for number, name in enumerate(names):
        Image.fromarray(picture(first + number, height, width)).save(folder / name)
    return folder
