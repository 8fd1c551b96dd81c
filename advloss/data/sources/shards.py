"""Pictures in shards (tar files as webdataset writes them), read in place.

With an index of where each picture is (shard_index.py), a process can read any picture at once. So the picture of a
sample is a function of (seed, epoch, position), as for files, with any number of workers and processes, also in a
resumed run. Webdataset's own streams with shuffle buffers don't have this property. They read long pieces of the disk;
here the sampler does so too (`Pieces`). Webdataset is used to expand the names of shards and to split members' names.
Its random access (wids) is not used: webdataset 1.0.2 does not contain it, it can't read headers for long names, and it
does not notice that a shard was cut short.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from advloss.core.errors import InputError
from advloss.data.fields import Fields, from_files, kind_of
from advloss.data.formats import RGB8, FieldFormat
from advloss.data.sources.base import DataSet, Split, split_of
from advloss.data.sources.pieces import Pieces
from advloss.data.sources.shard_index import Index, read_index, webdataset
from advloss.data.sources.values import Values
from advloss.images.reading import Header, UnreadableImage, extensions, read_header, read_pixels

PIECE = 256
"""Pictures of one shard that are read at about the same time: some 30 MB of ImageNet."""
WINDOW = 32 * PIECE
"""Pictures that are shuffled together, some 1 GB of ImageNet. One process that read 6.8 GB of shards (110 kB a picture)
from a disk without a cache read 4200 pictures/s in this order, and 2100 pictures/s in a random order."""
LOOKED_AT = 1000
"""How many headers of pictures in shards are read before the training."""
LOOKED_AT_FILES = 10_000
"""How many headers of pictures in files are read before the training, of each field."""
PICTURE_MOST = 2**30
"""Bytes of one picture's file: it is read whole."""
SHARD = re.compile(r"\.(tar|tgz)\b")
REMOTE = re.compile(r"(pipe:|[a-z][a-z0-9+]+:/)", re.IGNORECASE)


class ShardValues(Values):
    """The pictures in some shards, in their order. To read a picture opens its shard and closes it again."""

    def __init__(self, shards: Sequence[Path], index: Index) -> None:
        self.shards, self.index = list(shards), index

    def __len__(self) -> int:
        return len(self.index)

    def name(self, index: int) -> str:
        """`FOLDER/SHARD.tar/MEMBER.jpg`."""
        return f"{self._shard(index)}/{self.index.name(index)}"

    def path(self, index: int) -> Path | None:
        return None

    def header(self, index: int) -> Header:
        return read_header(self.name(index), self._content(index))

    def read(self, index: int, form: FieldFormat = RGB8) -> np.ndarray:
        return read_pixels(self.name(index), form.channels, form.depth, self._content(index))

    @property
    def pieces(self) -> Pieces:
        """Pieces of up to `PIECE` pictures of one shard."""
        ends: list[int] = []
        counts = np.bincount(self.index.shards, minlength=len(self.shards))
        for end, count in zip(np.cumsum(counts), counts, strict=True):
            ends += [*range(end - count + PIECE, end, PIECE), end] if count else []
        return Pieces(np.array(ends), WINDOW)

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about how the shards were read."""
        count = int(self.index.skipped)
        if not count:
            return []
        first = self.index.first_skipped.tobytes().decode(errors="replace")
        return [f"{count} pictures in shards have two extensions and are skipped, such as {first}"]

    def _shard(self, index: int) -> Path:
        return self.shards[self.index.shards[index]]

    def _content(self, index: int) -> bytes:
        size = int(self.index.sizes[index])
        if size > PICTURE_MOST:
            raise UnreadableImage(self.name(index), f"has {size:,} bytes, more than the {PICTURE_MOST:,} of a picture")
        try:
            with self._shard(index).open("rb") as file:
                file.seek(int(self.index.offsets[index]))
                content = file.read(size)
        except FileNotFoundError as error:
            raise UnreadableImage(self.name(index), "the shard is gone") from error
        except OSError as error:
            raise UnreadableImage(self.name(index), f"can't be read ({error.strerror})") from error
        if len(content) < size:
            raise UnreadableImage(self.name(index), "truncated: the shard ends before it")
        return content


def looked_at(values: Values) -> Sequence[int]:
    """The numbers of the pictures whose headers are read before the training: all, or of very many an even sample.

    A fault that more than 1% of the pictures have is in the sample. The loader skips and names the few others.
    """
    count, most = len(values), LOOKED_AT if isinstance(values, ShardValues) else LOOKED_AT_FILES
    return range(count) if count <= most else [count * place // most for place in range(most)]


def pieces_of(split: Split) -> Pieces | None:
    """The pieces of a split's pictures if they are in shards, else None."""
    values = list(split.images.values())
    return values[0].pieces if len(values) == 1 and isinstance(values[0], ShardValues) else None


def names_shards(name: str | Path) -> bool:
    """Whether a data set's name means shards: `SHARD.tar`, braces or a pattern."""
    return SHARD.search(str(name)) is not None and not Path(name).expanduser().is_dir()


def title(name: str | Path) -> str:
    """A short name for shards: `imagenet` for shards/imagenet-{000..146}.tar."""
    beginning = re.split(r"[{*?\[]|\.t", Path(name).name)[0].rstrip("-_.")
    return beginning or Path(name).parent.name or "shards"


def open_shards(name: str | Path, fields: Fields) -> DataSet:
    """The shards of that name as training pictures of the one field. Raises `InputError`."""
    if kind_of(fields) != "single":
        raise InputError(
            f"{name}: pictures in shards are all on one side, and this method needs two; give it folders (tokenizers "
            "and super-resolution train on shards)"
        )
    paths = shard_paths(str(name))
    return DataSet(title(name), {"train": shard_split(paths, fields, 2)}, {from_files(fields)[0]: "pictures"})


def with_shards_to_validate(opened: DataSet, name: str | Path, fields: Fields) -> DataSet:
    """`opened` with the pictures in the shards of that name as its val split."""
    return replace(opened, splits=opened.splits | {"val": shard_split(shard_paths(str(name)), fields, 1)})


def shard_split(paths: Sequence[Path], fields: Fields, least: int) -> Split:
    """A split of the pictures in these shards. least: how many are needed."""
    values = ShardValues(paths, read_index(paths))
    if len(values) < least:
        what = f"{paths[0]} and {len(paths) - 1} more shards hold" if len(paths) > 1 else f"{paths[0]} holds"
        why = f"no pictures ({extensions()})" if not len(values) else f"{len(values)} picture"
        raise InputError("; ".join([f"{what} {why}, and at least {least} are needed", *values.notes]))
    return split_of(fields, {from_files(fields)[0]: values}, False)


def shard_paths(name: str) -> list[Path]:
    """The files that a name stands for. `{000..146}` is a range, `*` and `?` match existing files, `::` separates
    names.

    Raises `InputError` if a file is missing, or if the name is an address instead of a file.
    """
    if Path(name).expanduser().is_file():
        return [Path(name).expanduser()]
    try:
        single = webdataset("shardlists").expand_urls(name)
    except (AssertionError, ValueError) as error:  # a variable that is not set; braces that are not closed
        raise InputError(f"{name}: can't be understood as the name of shards ({error})") from None
    if remote := next((one for one in single if REMOTE.match(one)), None):
        raise InputError(f"{remote}: shards are read in place, so they must be files here; download them first")
    found: dict[Path, None] = {}
    missing = []
    for path in (Path(one).expanduser() for one in single):
        here = [path] if path.is_file() else _matching(path)
        found |= dict.fromkeys(here)
        missing += [] if here else [str(path)]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(f"{name}: {len(missing)} of {len(single)} shards are missing: {shown}")
    return list(found)


def _matching(path: Path) -> list[Path]:
    """The files that match a path with `*`, `?` or `[...]`, sorted; none if the path has none of these."""
    if not any(mark in str(path) for mark in "*?["):
        return []
    top = Path(path.anchor)
    return sorted(fit for fit in top.glob(str(path.relative_to(path.anchor))) if fit.is_file())
