"""One field's pictures, resized: decoded at each use, or decoded once and kept in memory."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from advloss.data.formats import FieldFormat
from advloss.data.sampling.crops import View, resized, resized_size
from advloss.data.sources.shards import looked_at
from advloss.data.sources.values import Values
from advloss.images.reading import UnreadableImage

T = TypeVar("T")


class Shaped(Protocol):
    """A picture as an array, or the place of its values in a larger array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""


Picture = TypeVar("Picture", bound=Shaped, covariant=True)


class Pictures(Protocol[Picture]):
    """One field's pictures, resized."""

    values: Values

    def get(self, index: int) -> Picture:
        """The picture [C, H, W] in the field's type; don't change it in place. Raises `UnreadableImage`."""


class Decoded(Pictures[np.ndarray]):
    """Pictures that are read and resized at each use. hard: see `resized`."""

    def __init__(self, values: Values, view: View, form: FieldFormat, hard: bool = False) -> None:
        self.values, self.view, self.form, self.hard = values, view, form, hard

    def get(self, index: int) -> np.ndarray:
        whole = self.values.read(index, self.form)  # [H, W, C]
        return resized(whole, self.view.resize, self.view.load, self.hard).transpose(2, 0, 1)


class Cache(Pictures[np.ndarray]):
    """Pictures that are read and resized once, and kept in the files' type: one array if all sizes agree, else a list.

    found: called with the index and the error of each picture that can't be read.
    """

    def __init__(self, decoded: Decoded, sizes: "Sizes", found: Callable[[int, UnreadableImage], None]) -> None:
        self.values, self.form, one = decoded.values, decoded.form, sizes.only
        self.bad: dict[int, UnreadableImage] = {}
        count, dtype = len(self.values), self.form.dtype
        self.pictures = (
            list(np.empty((count, self.form.channels, *one), dtype)) if one else [np.empty(0, dtype)] * count
        )

        def keep(index: int) -> tuple[int, UnreadableImage | None]:
            try:
                picture = decoded.get(index)
            except UnreadableImage as error:
                return index, error
            if picture.shape[1:] == one:
                self.pictures[index][:] = picture
            else:
                self.pictures[index] = np.ascontiguousarray(picture)
            return index, None

        for index, error in tqdm(_threaded(keep, count), "decoding", count, unit="img", delay=2, leave=False):
            if error is not None:
                self.bad[index] = error
                found(index, error)

    def get(self, index: int) -> np.ndarray:
        if index in self.bad:
            raise self.bad[index]
        return self.pictures[index]


@dataclass(frozen=True)
class Sizes:
    """How many pictures a field has, and how many bytes they take once they are resized."""

    count: int
    bytes: int
    only: tuple[int, int] | None
    """(height, width) if all agree."""

    @classmethod
    def of(cls, values: Values, view: View, form: FieldFormat) -> "Sizes":
        """Computes the sizes from the files' headers; with resize "stretch", which fixes the size, from nothing.

        A file that can't be read counts 0 bytes. Of pictures in shards the headers of a sample are read, and the others
        are taken to be like them.
        """
        if view.resize == "stretch":
            return cls(len(values), len(values) * form.pixel_bytes * view.load**2, (view.load, view.load))

        numbers = looked_at(values)

        def size(place: int) -> tuple[int, int] | None:
            try:
                return resized_size(values.header(numbers[place]).size, view.resize, view.load)
            except UnreadableImage:
                return None

        sizes = [found for found in _threaded(size, len(numbers)) if found is not None]
        only = sizes[0] if len(set(sizes)) == 1 and len(numbers) == len(values) else None
        total = sum(form.pixel_bytes * height * width for height, width in sizes)
        return cls(len(values), total * len(values) // max(1, len(numbers)), only)


def _threaded(work: Callable[[int], T], count: int) -> Iterator[T]:
    """work(0), work(1), ... in order; Pillow decodes and resizes without Python's lock."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        yield from pool.map(work, range(count))
