"""Where the pictures of a data set come from: files, halves of files, or a drawing; its splits, and which is which."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from advloss.data.images import UnreadableImage, read_header, read_rgb8


class Source(Protocol):
    """A numbered list of pictures: one side of one split."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What the picture is called: for a file, its name without the folder."""

    def path(self, index: int) -> Path | None:
        """The file it lies in, None if it is drawn."""

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


@dataclass(frozen=True)
class Split:
    """Both sides of train, val or test."""

    a: Source
    b: Source
    paired: bool
    """b[i] is the true partner of a[i]."""

    def swapped(self) -> "Split":
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
