"""Numbered lists of pictures: files, halves of files, several lists as one, some pictures of a list."""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from advloss.data.formats import RGB8, FieldFormat
from advloss.images.reading import Header, UnreadableImage, read_header, read_pixels


class Values(Protocol):
    """The pictures of one field in one split, numbered."""

    def __len__(self) -> int:
        """How many pictures there are."""
        raise NotImplementedError

    def name(self, index: int) -> str:
        """The picture's name: of a file, without the folder; in a shard, with the shard's path."""

    def path(self, index: int) -> Path | None:
        """The picture's file; None if it is drawn or in a shard."""

    def header(self, index: int) -> Header:
        """The picture's size and format, from the file's header. Raises `UnreadableImage`."""

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        """The picture [H, W, form.channels] in the format's type. Raises `UnreadableImage`."""


class FileValues(Values):
    """Pictures of which each is a file."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self._headers: dict[int, Header] = {}  # which several checks look at

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index].name

    def path(self, index: int) -> Path | None:
        return self.paths[index]

    def header(self, index: int) -> Header:
        if index not in self._headers:
            self._headers[index] = read_header(self.paths[index])
        return self._headers[index]

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        return read_pixels(self.paths[index], form.channels, form.depth)


class HalfValues(FileValues):
    """The left or the right halves of files that hold two pictures side by side."""

    def __init__(self, paths: Sequence[Path], side: Literal["left", "right"]) -> None:
        super().__init__(paths)
        self.side = side

    def header(self, index: int) -> Header:
        both = super().header(index)
        return replace(both, size=(both.size[0], self._half(index, both.size[1])))

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        both = super().read(index, form)  # [H, 2 W, C]
        half = self._half(index, both.shape[1])
        return both[:, :half] if self.side == "left" else both[:, half:]

    def _half(self, index: int, width: int) -> int:
        if width % 2:
            raise UnreadableImage(self.paths[index], f"{width} pixels wide: an odd width holds no two pictures")
        return width // 2


class JoinedValues(Values):
    """The pictures of several lists, one after the other."""

    def __init__(self, lists: Sequence[Values]) -> None:
        self.lists = list(lists)
        self.ends = list(itertools.accumulate(len(each) for each in lists))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def name(self, index: int) -> str:
        values, place = self._at(index)
        return values.name(place)

    def path(self, index: int) -> Path | None:
        values, place = self._at(index)
        return values.path(place)

    def header(self, index: int) -> Header:
        values, place = self._at(index)
        return values.header(place)

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        values, place = self._at(index)
        return values.read(place, form)

    def _at(self, index: int) -> tuple[Values, int]:
        which = bisect.bisect_right(self.ends, index)
        return self.lists[which], index - (self.ends[which - 1] if which else 0)


class PickedValues(Values):
    """Some pictures of a list. numbers: which ones, by their index in the list."""

    def __init__(self, values: Values, numbers: Sequence[int]) -> None:
        self.values, self.numbers = values, list(numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def name(self, index: int) -> str:
        return self.values.name(self.numbers[index])

    def path(self, index: int) -> Path | None:
        return self.values.path(self.numbers[index])

    def header(self, index: int) -> Header:
        return self.values.header(self.numbers[index])

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        return self.values.read(self.numbers[index], form)
