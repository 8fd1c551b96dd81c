"""Small pictures for the tests of data sets."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from advloss.data.fields import Fields, Image
from advloss.data.sources.base import Split, split_of
from advloss.data.sources.values import Values


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
        Pillow.fromarray(picture(first + number, height, width)).save(folder / name)
    return folder


UNPAIRED: Fields = {"a": Image("a"), "b": Image("b")}
PAIRS: Fields = {"a": Image("pairs"), "b": Image("pairs")}
SINGLE: Fields = {"a": Image("pictures", made_from="b"), "b": Image("pictures")}
FIELDS = {"unpaired": UNPAIRED, "pairs": PAIRS, "single": SINGLE}


def two(a: Values, b: Values, paired: bool) -> Split:
    """A split of two domains."""
    return split_of(UNPAIRED, {"a": a, "b": b}, paired)


def one(values: Values) -> Split:
    """A split of large pictures alone."""
    return split_of(SINGLE, {"b": values}, False)


def scaled(split: Split, scale: int) -> Split:
    """The split with `a` so many times smaller than `b`."""
    small = replace(split.declared["a"], scale=Fraction(1, scale))  # type: ignore[call-arg]
    return replace(split, declared={**split.declared, "a": small})
