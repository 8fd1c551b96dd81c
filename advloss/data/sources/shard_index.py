"""The index of shards (tar files as webdataset writes them): where each picture is. It is made once and cached."""

import hashlib
import importlib
import json
import tarfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.data.downloads import cache_folder
from advloss.data.tar_files import members, open_tar
from advloss.images.formats import FORMATS

BLOCK = 512
"""A tar file consists of blocks of so many bytes; one of zeros marks its end."""
FAR = 2**62
"""Beyond any file's end, where tarfile itself notices that a file is cut short."""
KEPT_AS = 3
"""The version of cached indices, part of their names. Raise it when `Index` changes."""


@dataclass(frozen=True)
class Index:
    """The pictures of some shards, in the order in which they lie there. 1.3 million take about 60 MB."""

    shards: np.ndarray  # [N] int32, the number of the shard that a picture lies in
    offsets: np.ndarray  # [N] int64, where its bytes begin there
    sizes: np.ndarray  # [N] int64, how many they are
    names: np.ndarray  # uint8, all members' names in UTF-8, one after the other
    ends: np.ndarray  # [N] int64, where each name ends
    skipped: np.ndarray  # [] int64, how many pictures are skipped for their second extension
    first_skipped: np.ndarray  # uint8, the name of the first of them

    def __len__(self) -> int:
        return len(self.offsets)

    def name(self, number: int) -> str:
        """The name of picture `number` within its shard."""
        start = self.ends[number - 1] if number else 0
        return self.names[start : self.ends[number]].tobytes().decode(errors="replace")


def read_index(paths: Sequence[Path]) -> Index:
    """The index of these shards. It is read from the cache if no shard has changed (by path, size and time).

    Raises `InputError` for a shard that is not a tar file, damaged or cut short.
    """
    kept = _kept(paths)
    with suppress(OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile), np.load(kept) as arrays:
        return Index(**arrays)
    found = _Found()
    for number, path in enumerate(tqdm(paths, "looking through shards", unit="shard", delay=2, leave=False)):
        found.add(number, path)
    index = found.index()
    with suppress(OSError):  # without it the next start takes longer
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary:
            np.savez(temporary, **asdict(index))
    return index


def webdataset(module: str) -> Any:
    """A module of the webdataset library. Raises `InputError` where that is missing."""
    try:
        return importlib.import_module(f"webdataset.{module}")
    except ImportError:
        raise InputError("shards need the webdataset library: pip install 'advloss[webdataset]'") from None


def _kept(paths: Sequence[Path]) -> Path:
    """The cache file for the index of these shards as they are now."""
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    key = hashlib.sha256(json.dumps([KEPT_AS, *FORMATS, states]).encode()).hexdigest()
    return cache_folder() / "shards" / f"{key[:32]}.npz"


@dataclass
class _Found:
    """An index as it grows."""

    shards: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    skipped: list[bytes] = field(default_factory=list)

    def add(self, number: int, path: Path) -> None:
        """Adds the pictures of shard `number`: the members whose extension is a picture's.

        As in webdataset, the extension is all behind the first dot: 7.jpg is sample 7's jpg. 7.mask.png is its
        mask.png, which is not a picture's extension, so it is skipped.
        """
        split_name = webdataset("tariterators").base_plus_ext
        for member in _members(path):
            key, extension = split_name(member.name)
            if key is None or not member.isreg() or member.issparse():
                continue
            name = member.name.encode(errors="surrogateescape")
            if f".{extension.lower()}" in FORMATS:
                self.shards.append(number)
                self.places.append((member.offset_data, member.size))
                self.names.append(name)
            elif Path(member.name).suffix.lower() in FORMATS:
                self.skipped.append(name)

    def index(self) -> Index:
        places = np.array(self.places, np.int64).reshape(-1, 2)
        first = self.skipped[0] if self.skipped else b""
        return Index(
            np.array(self.shards, np.int32),
            places[:, 0].copy(),
            places[:, 1].copy(),
            np.frombuffer(b"".join(self.names), np.uint8),
            np.cumsum([len(name) for name in self.names], dtype=np.int64),
            np.array(len(self.skipped), np.int64),
            np.frombuffer(first, np.uint8),
        )


def _members(path: Path) -> list[tarfile.TarInfo]:
    """All members, read from their headers. Python's tarfile is used, since it reads every kind of header.

    tarfile takes any block that is not a header for the end. So this checks that the end is a block of zeros; if not,
    the file is cut short or damaged. It also believes every size, so this checks that each member ends within the file.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file, open_tar(file, FAR) as tar:
            found = list(members(tar))
            file.seek(tar.offset)
            last = file.read(BLOCK)
    except OSError as error:
        if error.errno is not None:
            raise InputError(f"{path}: can't be read ({error.strerror})") from None
        raise _no_tar(path, error) from None
    except Exception as error:  # tarfile raises whatever it runs into
        raise _no_tar(path, error) from None
    if over := next((one for one in found if one.isreg() and one.offset_data + one.size > size), None):
        raise InputError(f"{path}: was cut short, or is damaged: {over.name!r} ends behind the end of the file")
    if last != bytes(BLOCK):
        why = "is damaged there" if len(last) == BLOCK else "was cut short, or whatever wrote it was stopped"
        after = f" after {found[-1].name}" if found else ""
        raise InputError(f"{path}: has no end mark of a tar file{after}: it {why}")
    return found


def _no_tar(path: Path, error: Exception) -> InputError:
    why = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"{path}: no whole tar file ({why}); it is damaged, cut short or compressed. Shards are read in place: "
        "unpack a .tar.gz to a .tar"
    )
