"""A .safetensors file of images and labels, as MNIST is often kept.

`images`: uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 to 4 channels. `labels`: int64 [N], numbers of classes;
it may be missing. The metadata may name the classes: {"classes": '["T-shirt", "trouser"]'}, a list in JSON.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.core.storage.reading import check_plain, read_json
from advloss.data.formats import RGB8, FieldFormat
from advloss.data.sources.rows import Rows
from advloss.data.sources.tables import CLASSES
from advloss.data.sources.values import Values
from advloss.images.picture import Picture, Undecodable, converted
from advloss.images.reading import Header, UnreadableImage

SUFFIX = ".safetensors"
IMAGES, LABELS = "images", "labels"
MOST_CHANNELS = 4
SHAPES = "uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 to 4 channels"


def is_array_file(path: str | Path) -> bool:
    """Whether a file's name says that it holds images and labels."""
    return Path(path).suffix.lower() == SUFFIX and not Path(path).expanduser().is_dir()


@dataclass(frozen=True)
class ArrayValues(Values):
    """The images of a file. To read one opens the file, maps it into memory, and copies that image alone.

    file: checked by `read_array_file`. count: images. size: (height, width). channels_first: as in [N, C, H, W].
    """

    file: Path
    count: int
    size: tuple[int, int]
    channels: int
    channels_first: bool

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        """`mnist.safetensors/12`."""
        return f"{self.file.name}/{index}"

    def path(self, index: int) -> Path | None:
        return None

    def header(self, index: int) -> Header:
        words = {1: "8-bit grey", 3: "8-bit RGB"}.get(self.channels, f"8 bits, {self.channels} channels")
        return Header(self.size, words, self.channels)

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        try:
            with _opened(self.file) as held:
                image = held.get_slice(IMAGES)[index]
        except InputError as error:
            raise UnreadableImage(self.name(index), str(error)) from None
        image = image.transpose(1, 2, 0) if self.channels_first else image.reshape(*self.size, self.channels)
        try:
            return converted(Picture(np.ascontiguousarray(image)), form.channels, form.depth)
        except Undecodable as error:
            raise UnreadableImage(self.name(index), str(error)) from None


def read_array_file(path: Path, classes: tuple[str, ...] | None = None) -> tuple[ArrayValues, Rows | None]:
    """The images of a file, which stay in it, and its labels; None if it has none.

    classes: the names of the classes, those of train; None: the file's own, or the numbers. Raises InputError for what
    is no such file, other shapes and types, and labels without a class.
    """
    with _opened(path) as held:
        if IMAGES not in held.keys():  # noqa: SIM118 (it is no dict)
            found = ", ".join(sorted(held.keys())[:5]) or "nothing"
            raise InputError(f"{path}: has no '{IMAGES}' ({SHAPES}); it holds {found}")
        view = held.get_slice(IMAGES)
        values = _values(path, tuple(view.get_shape()), view.get_dtype())
        if LABELS not in held.keys():  # noqa: SIM118
            return values, None
        view = held.get_slice(LABELS)
        shape, kind = list(view.get_shape()), view.get_dtype()
        if kind != "I64" or shape != [values.count]:
            raise InputError(f"{path}: '{LABELS}' is {kind} {shape}; of these images it is int64 [{values.count}]")
        labels = held.get_tensor(LABELS)
        return values, _labelled(path, labels, classes or _named(path, held.metadata()))


def write_array_file(path: Path, images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> None:
    """Writes a file that `read_array_file` reads. images: uint8 in one of its shapes. labels: int64 [N]."""
    from safetensors.numpy import save_file

    with replacing(path) as temporary:
        save_file({IMAGES: images, LABELS: labels}, temporary, {"classes": json.dumps(classes)})


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The open file. Raises InputError, which names it, where it can't be read."""
    from safetensors import SafetensorError, safe_open  # late: most commands read no such set

    try:
        check_plain(path)
        with path.open("rb"), safe_open(path, framework="numpy") as held:
            yield held
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise InputError(f"{path}: is no whole .safetensors file ({error})") from None


def _values(path: Path, shape: tuple[int, ...], kind: str) -> ArrayValues:
    known = kind == "U8" and len(shape) in (3, 4) and all(shape)
    first = known and len(shape) == 4 and shape[1] <= MOST_CHANNELS
    last = known and len(shape) == 4 and shape[3] <= MOST_CHANNELS
    if not known or (len(shape) == 4 and not (first or last)):
        raise InputError(f"{path}: '{IMAGES}' is {kind} {list(shape)}; it is {SHAPES}")
    if first and last:
        raise InputError(
            f"{path}: '{IMAGES}' is {list(shape)}, and the channels may be its second or its last axis; images have "
            f"more than {MOST_CHANNELS} pixels a side"
        )
    if len(shape) == 3:
        return ArrayValues(path, shape[0], (shape[1], shape[2]), 1, False)
    size, channels = ((shape[2], shape[3]), shape[1]) if first else ((shape[1], shape[2]), shape[3])
    return ArrayValues(path, shape[0], size, channels, first)


def _labelled(path: Path, labels: np.ndarray, classes: tuple[str, ...] | None) -> Rows:
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= CLASSES:
        raise InputError(f"{path}: '{LABELS}' are from {least} to {most}; they are numbers of classes, from 0 on")
    if classes is None:
        classes = tuple(str(number) for number in range(most + 1))
    if most >= len(classes):
        raise InputError(f"{path}: has the label {most}, and there are {len(classes)} classes, numbered from 0 on")
    return Rows(labels, classes)


def _named(path: Path, metadata: dict[str, str] | None) -> tuple[str, ...] | None:
    """The classes that a file's metadata names."""
    if "classes" not in (metadata or {}):
        return None
    try:
        names = read_json((metadata or {})["classes"])
    except ValueError:
        names = None
    named = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    if not named or len(set(names)) < len(names):
        raise InputError(f"{path}: 'classes' in its metadata is a list of different names in JSON")
    return tuple(names)
