"""Batches from pictures: which pictures, where they are cut, and what replaces a file that can't be read."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from advloss.data.augment import Augmenter
from advloss.data.images import UnreadableImage
from advloss.data.memory import Pictures
from advloss.data.order import Item, Order
from advloss.data.sources import Source, Split
from advloss.data.transforms import (
    DEGRADE,
    VIEW_A,
    VIEW_B,
    Crop,
    Resize,
    View,
    check_crop_fits,
    copy_crop,
    drawn_crop,
    fit,
    random,
    resized_size,
)
from advloss.errors import InputError


@dataclass(frozen=True)
class Skip:
    """A picture that can't be read, and why."""

    side: str
    index: int
    why: str


Sides = dict[str, np.ndarray]
"""Pictures by the letter of their side."""
Small = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Makes the small picture from the large one: uint8 [H, W, 3] -> [H / scale, W / scale, 3]."""


@dataclass
class Samples:
    """Batch after batch as arrays. Goes to worker processes as it is, so it holds nothing that says or counts.

    pictures: by the letter of the side, both or b alone. scale: how many times as large b is as its partner, or as
    the `a` that `small` makes of it.
    """

    pictures: dict[str, Pictures]
    paired: bool
    order: Order
    view: View
    augment: Augmenter | None = None
    scale: int = 1
    small: Small | None = None
    bad: dict[tuple[str, int], Skip] = field(default_factory=dict)

    def batch(self, number: int) -> tuple[Sides, list[Skip]]:
        """uint8 [B, 3, crop, crop], of a small a [B, 3, crop / scale, crop / scale]; what was found unreadable."""
        sizes = dict.fromkeys(self.pictures, self.view.crop)
        if self.paired or self.small is not None:
            sizes["a"] = self.view.crop // self.scale
        items = self.order.items(number)
        made = {letter: np.empty((len(items), 3, size, size), np.uint8) for letter, size in sizes.items()}
        before = len(self.bad)
        for place, item in enumerate(items):
            self._fill(item, {letter: images[place] for letter, images in made.items()})
        return made, list(self.bad.values())[before:]

    def _fill(self, item: Item, out: Sides) -> None:
        """One sample, written into `out` [3, side, side]."""
        for letter, (crop, picture) in (self._pair(item) if self.paired else self._apart(item)).items():
            copy_crop(crop, picture, out[letter])
        if self.augment is not None:
            self._augmented(self.augment, item, out)
        if self.small is not None:
            rng = random(DEGRADE, self.order.seed, item.epoch, item.position)
            out["a"][:] = self.small(_whole(out["b"]), rng).transpose(2, 0, 1)

    def _pair(self, item: Item) -> dict[str, tuple[Crop, np.ndarray]]:
        """The pair, or the next one of which both can be read, and one crop for both."""
        index, (a, b) = self._readable("ab", item.a)
        size_a, size_b = _size(a), _size(b)
        check_fit(self.pictures["a"].source, self.pictures["b"].source, index, size_a, size_b, self.scale)
        crop = self._crop(VIEW_A, item, "a" if self.scale == 1 else "b", index, size_a, self.scale)
        return {"a": (crop, a), "b": (crop.scaled(self.scale), b)}

    def _apart(self, item: Item) -> dict[str, tuple[Crop, np.ndarray]]:
        """Each side's own picture, or the next of that side that can be read, and its own crop."""
        found = {}
        for letter in self.pictures:
            stream, start = (VIEW_A, item.a) if letter == "a" else (VIEW_B, item.b)
            index, (picture,) = self._readable(letter, start)
            found[letter] = self._crop(stream, item, letter, index, _size(picture)), picture
        return found

    def _crop(self, stream: int, item: Item, letter: str, index: int, size: tuple[int, int], scale: int = 1) -> Crop:
        """A crop of view.crop / scale pixels; a picture too small for it is named by its file on side `letter`."""
        if min(size) * scale < self.view.crop:
            whole = (size[0] * scale, size[1] * scale)
            check_crop_fits(called(self.pictures[letter].source, index), whole, self.view.crop)
        view = self.view if scale == 1 else replace(self.view, crop=self.view.crop // scale)
        return drawn_crop(random(stream, self.order.seed, item.epoch, item.position), size, view)

    def _augmented(self, augment: Augmenter, item: Item, out: Sides) -> None:
        b = _whole(out["b"])
        a = _whole(out["a"]) if "a" in self.pictures else b
        done_a, done_b = (augment.pair if self.paired else augment.apart)(a, b, item.epoch, item.position)
        out["b"][:] = done_b.transpose(2, 0, 1)
        if "a" in self.pictures:
            out["a"][:] = done_a.transpose(2, 0, 1)

    def _readable(self, letters: str, start: int) -> tuple[int, list[np.ndarray]]:
        """The pictures number `start` of these sides, or the next ones that can all be read; and their number."""
        count = len(self.pictures[letters[0]].source)
        for step in range(count):
            index = (start + step) % count
            read = [self._get(letter, index) for letter in letters]
            found = [picture for picture in read if picture is not None]
            if len(found) == len(letters):
                return index, found
        what = "pairs" if len(letters) > 1 else f"pictures of side {letters}"
        raise InputError(f"not one of the {count} {what} can be read")

    def _get(self, letter: str, index: int) -> np.ndarray | None:
        if (letter, index) in self.bad:
            return None
        try:
            return self.pictures[letter].get(index)
        except UnreadableImage as error:
            self.bad[letter, index] = Skip(letter, index, str(error))
            return None


def check_pairs(split: Split, resize: Resize, load: int, scale: int = 1) -> None:
    """Raises for the first pair of two sizes after the resize, by the headers; a file that can't be read is no matter.

    load: in pixels; see `View` for it and `resize`. scale: how many times as large b is; what b has at the right and
    at the bottom beyond `scale` times a, less than `scale` pixels, is no matter.
    """
    if not split.paired or split.a is None:
        return
    check_scale(resize, scale)
    if resize == "stretch":
        return
    for index in range(len(split.a)):
        with suppress(UnreadableImage):  # is skipped when its turn comes
            size_a, size_b = (resized_size(side.size(index), resize, load) for side in (split.a, split.b))
            check_fit(split.a, split.b, index, size_a, size_b, scale)


def check_scale(resize: Resize, scale: int, augmented: bool = False) -> None:
    """Raises where the pictures of a pair would lose their scale."""
    if scale > 1 and augmented:
        raise InputError(
            "data.augment can't treat a small and a large picture alike; leave it out, or train on the large pictures "
            "alone, with a data.degradation"
        )
    if scale > 1 and resize != "none":
        raise InputError(
            f"data.resize is '{resize}', and the large picture of a pair is {scale} times as large as the small one: "
            "neither can be resized; use data.resize=none"
        )


def check_fit(a: Source, b: Source, index: int, size_a: tuple[int, int], size_b: tuple[int, int], scale: int) -> None:
    """Raises unless the pictures of a pair, of these (height, width), lie on each other."""
    if fit(size_a, size_b, scale):
        return
    shapes = " and ".join(f"{width}x{height}" for height, width in (size_a, size_b))
    pair = f"{called(a, index)} and {called(b, index)} are a pair, but {shapes} pixels"
    if scale > 1:
        raise InputError(f"{pair}; for this method the second must be {scale} times as large as the first")
    raise InputError(f"{pair} after the resize; data.resize=stretch makes them alike")


def called(source: Source, index: int) -> str:
    return str(source.path(index) or source.name(index))


def _size(picture: np.ndarray) -> tuple[int, int]:
    """(height, width) of [3, H, W]."""
    return picture.shape[1], picture.shape[2]


def _whole(picture: np.ndarray) -> np.ndarray:
    """[3, H, W] as [H, W, 3] in one piece."""
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
