"""Shards: the tokens of a large folder in several files, and an index that is written when all files are complete.

`tokens.safetensors` in shards is `tokens-00000.safetensors`, `tokens-00001.safetensors` ..., and `tokens.json`:
{"format": 1, "fingerprint": ..., "pictures": N, "shards": [{"file": ..., "pictures": n}, ...]}.
"""

import json
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, NonNegativeInt, ValidationError

from advloss.core.errors import InputError
from advloss.core.storage.files import write_whole
from advloss.core.storage.reading import read_file

BYTES_MOST = 2**26
"""Of an index; a million shards need as many."""


class Shard(BaseModel):
    """One file, named without its folder, and how many pictures it holds."""

    file: str
    pictures: NonNegativeInt


class Index(BaseModel):
    """The index of all shards of a folder."""

    format: Literal[1] = 1
    fingerprint: str
    pictures: NonNegativeInt
    shards: list[Shard]


def shard_path(target: Path, number: int) -> Path:
    """`tokens-00003.safetensors` for `tokens.safetensors`."""
    return target.with_name(f"{target.stem}-{number:05d}{target.suffix}")


def index_path(target: Path) -> Path:
    """`tokens.json` for `tokens.safetensors`."""
    return target.with_suffix(".json")


def write_index(target: Path, index: Index) -> None:
    """Writes the index. Raises InputError if it can't be written."""
    path = index_path(target)
    try:
        write_whole(path, json.dumps(index.model_dump(), indent=1).encode() + b"\n")
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror or error})") from None


def remove_shards(target: Path) -> None:
    """Removes the index and all shards that an earlier call wrote for the same target."""
    index_path(target).unlink(missing_ok=True)
    for path in shards_of(target):
        path.unlink()


def shards_of(target: Path) -> list[Path]:
    """The shards that lie beside a target, whether its index names them or not."""
    name = re.compile(rf"{re.escape(target.stem)}-\d{{5,}}{re.escape(target.suffix)}")
    return sorted(path for path in target.parent.glob("*" + target.suffix) if name.fullmatch(path.name))


def token_files(source: Path) -> list[Path]:
    """The tokens files of `source`: the file itself, the shards of an index, or those of the only index in a folder.

    Raises InputError if there is none, or if a shard is missing.
    """
    if source.is_dir():
        found = sorted(path for path in source.glob("*.json") if is_index(path))
        found += [] if found else sorted(source.glob("*.safetensors"))
        if len(found) != 1:
            names = ", ".join(path.name for path in found[:4])
            what = f"holds several ({names} ...); name one" if found else "holds no index of shards and no tokens file"
            raise InputError(f"{source}: {what}")
        source = found[0]
    elif source.suffix == ".safetensors" and not source.exists() and index_path(source).is_file():
        source = index_path(source)
    if source.suffix != ".json":
        if shard_path(source, 0).is_file() and not source.exists():
            raise InputError(f"{source}: its shards are not complete; the same `advloss tokenize` goes on with them")
        return [source]
    files = [source.with_name(shard.file) for shard in _read_index(source).shards]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise InputError(f"{source}: names shards that are not in its folder: {', '.join(missing[:4])}")
    return files


def _read_index(path: Path) -> Index:
    if not path.exists():
        raise InputError(f"{path}: no such index of shards")
    try:
        index = Index.model_validate_json(read_file(path, BYTES_MOST))
    except ValidationError as error:
        raise InputError(f"{path}: no index of token shards ({error.errors()[0]['msg']})") from None
    if any(not _plain_name(shard.file) for shard in index.shards):
        raise InputError(f"{path}: names shards in other folders; they must be in its own")
    return index


def _plain_name(name: str) -> bool:
    """Whether a text is the name of a file, and no path."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name and name.isprintable()


def is_index(path: Path) -> bool:
    """Whether the file is an index of shards."""
    try:
        _read_index(path)
    except InputError:
        return False
    return True
