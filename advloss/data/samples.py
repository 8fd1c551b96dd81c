"""Batches from pictures: which pictures, where they are cut, and what replaces a file that can't be read."""

from contextlib import suppress
from dataclasses import dataclass, field

import cv2
import numpy as np

from advloss.data.augment import Augmenter
from advloss.data.images import UnreadableImage
from advloss.data.memory import Pictures
from advloss.data.order import Item, Order
from advloss.data.sources import Source, Split
from advloss.data.transforms import (
    VIEW_A,
    VIEW_B,
    Crop,
    Resize,
    View,
    check_crop_fits,
    drawn_crop,
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


@dataclass
class Samples:
    """Batch after batch as arrays. Goes to worker processes as it is, so it holds nothing that says or counts."""

    a: Pictures
    b: Pictures
    paired: bool
    order: Order
    view: View
    augment: Augmenter | None = None
    bad: dict[tuple[str, int], Skip] = field(default_factory=dict)

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray, list[Skip]]:
        """uint8 [B, 3, crop, crop] twice, and what was found unreadable on the way."""
        side, items = self.view.crop, self.order.items(number)
        a, b = (np.empty((len(items), 3, side, side), np.uint8) for _ in range(2))
        before = len(self.bad)
        for place, item in enumerate(items):
            self._fill(item, a[place], b[place])
        return a, b, list(self.bad.values())[before:]

    def _fill(self, item: Item, a: np.ndarray, b: np.ndarray) -> None:
        """One sample, written into a and b [3, crop, crop]."""
        first, second, index_a, index_b = self._pair(item) if self.paired else self._two(item)
        place = (self.order.seed, item.epoch, item.position)
        crop_a = self._crop(VIEW_A, place, first, self.a, index_a)
        crop_b = crop_a
        if not self.paired:
            crop_b = self._crop(VIEW_B, place, second, self.b, index_b)
        elif first.shape != second.shape:
            raise _unequal(self.a.source, self.b.source, index_a, first.shape[1:], second.shape[1:])
        _copy(crop_a, first, a)
        _copy(crop_b, second, b)
        if self.augment is not None:
            apply = self.augment.pair if self.paired else self.augment.apart
            whole_a, whole_b = (np.ascontiguousarray(side.transpose(1, 2, 0)) for side in (a, b))  # [crop, crop, 3]
            done_a, done_b = apply(whole_a, whole_b, item.epoch, item.position)
            a[:], b[:] = done_a.transpose(2, 0, 1), done_b.transpose(2, 0, 1)

    def _crop(self, stream: int, place: tuple[int, int, int], picture: np.ndarray, side: Pictures, index: int) -> Crop:
        size = (picture.shape[1], picture.shape[2])
        if min(size) < self.view.crop:
            check_crop_fits(_called(side.source, index), size, self.view.crop)
        return drawn_crop(random(stream, *place), size, self.view)

    def _two(self, item: Item) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Each side's own picture, or the next of that side that can be read."""
        found = []
        for side, pictures, index in (("a", self.a, item.a), ("b", self.b, item.b)):
            count = len(pictures.source)
            for step in range(count):
                picture = self._get(side, pictures, (index + step) % count)
                if picture is not None:
                    found.append((picture, (index + step) % count))
                    break
            else:
                raise InputError(f"not one of the {count} pictures of side {side} can be read")
        return found[0][0], found[1][0], found[0][1], found[1][1]

    def _pair(self, item: Item) -> tuple[np.ndarray, np.ndarray, int, int]:
        """The pair, or the next one of which both can be read."""
        count = len(self.a.source)
        for step in range(count):
            index = (item.a + step) % count
            a, b = self._get("a", self.a, index), self._get("b", self.b, index)
            if a is not None and b is not None:
                return a, b, index, index
        raise InputError(f"not one of the {count} pairs can be read")

    def _get(self, side: str, pictures: Pictures, index: int) -> np.ndarray | None:
        if (side, index) in self.bad:
            return None
        try:
            return pictures.get(index)
        except UnreadableImage as error:
            self.bad[side, index] = Skip(side, index, str(error))
            return None


def check_pairs(split: Split, resize: Resize, load: int) -> None:
    """Raises for the first pair of two sizes after the resize, by the headers; a file that can't be read is no matter.

    load: in pixels; see `View` for it and `resize`.
    """
    if not split.paired or resize == "stretch":
        return
    for index in range(len(split.a)):
        with suppress(UnreadableImage):  # is skipped when its turn comes
            size_a, size_b = (resized_size(side.size(index), resize, load) for side in (split.a, split.b))
            if size_a != size_b:
                raise _unequal(split.a, split.b, index, size_a, size_b)


def _unequal(a: Source, b: Source, index: int, size_a: tuple[int, ...], size_b: tuple[int, ...]) -> InputError:
    shapes = " and ".join(f"{width}x{height}" for height, width in (size_a, size_b))
    return InputError(
        f"{_called(a, index)} and {_called(b, index)} are a pair, but {shapes} pixels after the resize; "
        "data.resize=stretch makes them alike"
    )


def _called(source: Source, index: int) -> str:
    return str(source.path(index) or source.name(index))


def _copy(crop: Crop, picture: np.ndarray, out: np.ndarray) -> None:
    """The crop into `out` [3, side, side]. OpenCV mirrors in place, six times as fast as numpy's negative steps."""
    out[:] = picture[:, crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
    if crop.mirrored:
        rows = out.reshape(-1, crop.side)
        cv2.flip(rows, 1, dst=rows)
