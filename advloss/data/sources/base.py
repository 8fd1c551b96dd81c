"""Where the pictures of a data set come from: files, halves of files, or a drawing; its splits, and which is which."""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from advloss.core.errors import InputError
from advloss.images.reading import UnreadableImage, read_header, read_rgb8

Kind = Literal["pairs", "unpaired", "single"]
"""What a method trains on: pairs; two sides without partners; or pictures alone, on side b.

Of super-resolution, b is the large picture and a the small one, which a single data set lacks.
"""


class Source(Protocol):
    """A numbered list of pictures: one side of one split."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What the picture is called: for a file, its name without the folder; in a shard, with the shard's path."""

    def path(self, index: int) -> Path | None:
        """The file that it is, None if it is drawn or lies in a shard."""

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels, cheap: from the file's header. Raises `UnreadableImage`."""

    def read(self, index: int) -> np.ndarray:
        """uint8 [H, W, 3]. Raises `UnreadableImage`."""


class FileSource:
    """One picture a file."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index].name

    def path(self, index: int) -> Path | None:
        return self.paths[index]

    def size(self, index: int) -> tuple[int, int]:
        return read_header(self.paths[index]).size

    def read(self, index: int) -> np.ndarray:
        return read_rgb8(self.paths[index])


class HalfSource(FileSource):
    """The left or the right half of every file: pairs that lie side by side."""

    def __init__(self, paths: Sequence[Path], side: Literal["left", "right"]) -> None:
        super().__init__(paths)
        self.side = side

    def size(self, index: int) -> tuple[int, int]:
        height, width = super().size(index)
        return height, self._half(index, width)

    def read(self, index: int) -> np.ndarray:
        both = super().read(index)  # [H, 2 W, 3]
        half = self._half(index, both.shape[1])
        return both[:, :half] if self.side == "left" else both[:, half:]

    def _half(self, index: int, width: int) -> int:
        if width % 2:
            raise UnreadableImage(self.paths[index], f"{width} pixels wide: an odd width holds no two pictures")
        return width // 2


class JoinedSource:
    """The pictures of several sources, one source after the other."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self.ends = list(itertools.accumulate(len(source) for source in sources))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def name(self, index: int) -> str:
        source, place = self._at(index)
        return source.name(place)

    def path(self, index: int) -> Path | None:
        source, place = self._at(index)
        return source.path(place)

    def size(self, index: int) -> tuple[int, int]:
        source, place = self._at(index)
        return source.size(place)

    def read(self, index: int) -> np.ndarray:
        source, place = self._at(index)
        return source.read(place)

    def _at(self, index: int) -> tuple[Source, int]:
        which = bisect.bisect_right(self.ends, index)
        return self.sources[which], index - (self.ends[which - 1] if which else 0)


@dataclass(frozen=True)
class Split:
    """The sides of train, val or test: both, or b alone."""

    a: Source | None
    b: Source
    paired: bool
    """b[i] is the true partner of a[i]."""

    @property
    def sides(self) -> dict[str, Source]:
        """The sides that there are, by letter; a first."""
        return {"b": self.b} if self.a is None else {"a": self.a, "b": self.b}

    def swapped(self) -> "Split":
        if self.a is None:
            raise InputError("pictures on one side alone can't be exchanged with the other's")
        return Split(self.b, self.a, self.paired)


@dataclass(frozen=True)
class DataSet:
    """A named data set with its splits; `train` is always there."""

    name: str
    splits: dict[str, Split]
    sides: tuple[str, str] = ("a", "b")
    """What the two sides are called where they come from: ("edges", "photo")."""
    notes: tuple[str, ...] = ()
    """What the user should know of how it was read, in sentences."""
    alone: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    """Per split, files of a paired set that have no partner and were left out."""

    @property
    def train(self) -> Split:
        return self.splits["train"]

    @property
    def validation(self) -> Split | None:
        return self.splits.get("val") or self.splits.get("test")

    def swapped(self) -> "DataSet":
        """The same with a and b exchanged: for training b2a."""
        splits = {name: split.swapped() for name, split in self.splits.items()}
        return replace(self, splits=splits, sides=self.sides[::-1])

    def single(self) -> "DataSet":
        """All pictures on side b: those of side b if train has pairs, else those of both sides."""
        if self.train.paired:
            return replace(self, splits={name: Split(None, split.b, False) for name, split in self.splits.items()})
        joined = {name: JoinedSource(list(split.sides.values())) for name, split in self.splits.items()}
        splits = {name: Split(None, source, False) for name, source in joined.items()}
        return replace(self, splits=splits, sides=("a", f"{self.sides[0]} and {self.sides[1]}"))
