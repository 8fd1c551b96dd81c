"""Data sets that need no download: each picture is drawn when it is read, from (seed, split, scene) alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from advloss.data.fields import Fields, Image, Label
from advloss.data.formats import RGB8, FieldFormat
from advloss.data.sources.base import DataSet, Split, split_of
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import Values
from advloss.data.synthetic import digits, facades, stripes
from advloss.images.picture import Header, Picture, converted

COUNTS = {"train": 1000, "val": 32, "test": 64}
"""Pictures a side."""
SPLIT_NUMBERS = {"train": 1, "val": 2, "test": 3}
SMALLEST = 16
"""The smallest side of a picture, in pixels."""

TWO: Fields = {"a": Image("a"), "b": Image("b")}
"""The fields of a synthetic set with two domains. A method's own fields replace them in this order."""
LABELLED: Fields = {"image": Image("images"), "label": Label("images")}
STYLES: Fields = {"a": Image("a"), "label_a": Label("a"), "b": Image("b"), "label_b": Label("b")}
DIGITS = {"train": 10_000, "val": 1_000, "test": 2_000}
"""Pictures of `digits`: many, since a GAN needs them."""
Draw = Callable[[np.random.Generator, int, bool], np.ndarray]


@dataclass(frozen=True)
class SyntheticValues(Values):
    """The drawn pictures of one domain in one split. Picture `index` is scene number `first + step * index`.

    form: in which of the scene's two domains it is drawn.
    """

    draw: Draw
    form: bool
    size_px: int
    seed: int
    split: str
    count: int
    first: int = 0
    step: int = 1

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"{self.split}-{self.first + self.step * index:04d}.png"

    def path(self, index: int) -> Path | None:
        return None

    def header(self, index: int) -> Header:
        return Header((self.size_px, self.size_px), "drawn")

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        return converted(Picture(self.draw(self.rng(index), self.size_px, self.form)), form.channels, form.depth)

    def rng(self, index: int) -> np.random.Generator:
        """The random numbers of picture `index`."""
        return np.random.default_rng([SPLIT_NUMBERS[self.split], self.seed, self.first + self.step * index])


def open_stripes(size: int, seed: int) -> DataSet:
    """Plain (a) and striped (b) animals. Train: no scene in both. Val and test: b[i] is a[i] in the other coat."""

    def side(split: str, striped: bool) -> SyntheticValues:
        source = SyntheticValues(stripes.draw, striped, size, seed, split, COUNTS[split])
        return replace(source, first=int(striped), step=2) if split == "train" else source

    splits = {
        split: split_of(TWO, {"a": side(split, False), "b": side(split, True)}, aligned=split != "train")
        for split in COUNTS
    }
    return DataSet("stripes", splits, {"a": "plain", "b": "striped"})


def open_facades_like(size: int, seed: int) -> DataSet:
    """Label maps (a) and pictures of the same houses (b), in every split."""

    def side(split: str, labels: bool) -> SyntheticValues:
        return SyntheticValues(facades.draw, labels, size, seed, split, COUNTS[split])

    splits = {split: split_of(TWO, {"a": side(split, True), "b": side(split, False)}, aligned=True) for split in COUNTS}
    return DataSet("facades-like", splits, {"a": "labels", "b": "pictures"})


def open_digits(size: int, seed: int) -> DataSet:
    """White digits on black, with their labels."""
    return _labelled_digits("digits", size, seed, coloured=False)


def open_coloured_digits(size: int, seed: int) -> DataSet:
    """Digits in one colour on another, with their labels. They are other drawings than those of `digits`."""
    return _labelled_digits("digits-colour", size, seed, coloured=True)


def open_digit_styles(size: int, seed: int) -> DataSet:
    """Sharp white digits on black, those of `digits` (a), and lighter ones out of focus on a colour (b), each with
    their labels. No drawing is in both."""

    def split(name: str) -> Split:
        sharp, sharp_labels = _digits(name, size, seed, False, digits.draw_style)
        blurred, blurred_labels = _digits(name, size, seed, True, digits.draw_style)
        rows = {"label_a": sharp_labels, "label_b": blurred_labels}
        return split_of(STYLES, {"a": sharp, "b": blurred}, False, rows)

    return DataSet("digits-styles", {name: split(name) for name in DIGITS}, {"a": "sharp", "b": "blurred"})


def _labelled_digits(title: str, size: int, seed: int, coloured: bool) -> DataSet:
    def split(name: str) -> Split:
        values, labels = _digits(name, size, seed, coloured)
        return split_of(LABELLED, {"image": values}, False, {"label": labels})

    return DataSet(title, {name: split(name) for name in DIGITS}, {"image": "digits"})


def _digits(split: str, size: int, seed: int, second: bool, draw: Draw = digits.draw) -> tuple[SyntheticValues, Rows]:
    first = DIGITS[split] if second else 0  # the scenes of the second style follow those of the first
    values = SyntheticValues(draw, second, size, seed, split, DIGITS[split], first)
    labels = [digits.label(values.rng(index)) for index in range(len(values))]
    return values, Rows(np.array(labels, np.int64), digits.CLASSES)


SETS: dict[str, Callable[[int, int], DataSet]] = {
    "stripes": open_stripes,
    "facades-like": open_facades_like,
    "digits": open_digits,
    "digits-colour": open_coloured_digits,
    "digits-styles": open_digit_styles,
}
"""By name, a function that makes the set from (size in pixels, seed)."""
