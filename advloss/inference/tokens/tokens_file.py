"""The tokens file: pictures as integers, in one `.safetensors`, which each reader of that format can open.

It holds, for N pictures with T tokens in all:

    tokens   [T], or [T, n] with n codebooks: the smallest of uint8, uint16, int32, int64 that holds all codes. The
             pictures' tokens one after the other, each row by row from the top left
    offsets  int64 [N + 1]: the tokens of picture i are tokens[offsets[i] : offsets[i + 1]]
    grids    int32 [N, 2]: rows and columns of each picture's tokens
    sizes    int32 [N, 2]: height and width of each picture in pixels

so `tokens[offsets[i] : offsets[i + 1]].reshape(*grids[i])` is picture i, and if all pictures have one size
`tokens.reshape(N, *grids[0])` is all of them. The metadata has one entry, `advloss_tokens`: JSON with the keys of
`Header`, with the pictures' names in the same order.
"""

import json
import math
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, PositiveInt, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.core.storage.reading import read_json
from advloss.core.version import __version__
from advloss.inference.model import Model
from advloss.inference.tokens.fingerprint import SHOWN, fingerprint

KEY = "advloss_tokens"
NAMES_MOST = 80 * 2**20
"""Bytes of names in one file; safetensors reads no header above 100 MB."""


TYPES = {
    "tokens": ("uint8", "uint16", "int32", "int64"),
    "offsets": ("int64",),
    "grids": ("int32",),
    "sizes": ("int32",),
}
"""By tensor: another type would wrap around where it is converted."""


class Vocabulary(BaseModel):
    """The meaning of tokens. fingerprint: the model's; factor: pixels along each axis for one token.

    codes: a token is 0 to codes - 1; books: tokens at each place, one for each codebook; bits: log2(codes), of a token.
    """

    fingerprint: str
    codes: PositiveInt
    books: PositiveInt
    bits: float
    factor: PositiveInt


class Header(Vocabulary):
    """The header of a tokens file.

    model: the file name of the model. size: the side in pixels to which pictures were resized; None: not resized.
    names: the pictures' paths below the folder, with `/`. skipped: the names of those that could not be read, and why.
    """

    format: Literal[1] = 1
    version: str = __version__
    model: str = ""
    size: PositiveInt | None = None
    names: list[str] = []
    skipped: dict[str, str] = {}


@dataclass
class Tokens:
    """Pictures as integers: for each the indices [h, w] or [h, w, n], and its (height, width) in pixels."""

    header: Header
    indices: list[np.ndarray] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)


def vocabulary(model: Model) -> Vocabulary:
    """The vocabulary of a tokenizer that has codes; InputError for another model."""
    tokenizer = model.tokenizer("tokenize", codes=True)
    assert tokenizer.codes is not None
    return Vocabulary(
        fingerprint=fingerprint(model.method, model.recipe),
        codes=tokenizer.codes,
        books=tokenizer.books,
        bits=math.log2(tokenizer.codes),
        factor=tokenizer.factor,
    )


def smallest_type(codes: int) -> np.dtype:
    """The smallest integer type that torch and numpy both read, and that holds 0 to codes - 1."""
    return next(np.dtype(kind) for kind in (np.uint8, np.uint16, np.int32, np.int64) if codes - 1 <= np.iinfo(kind).max)


def write_tokens(path: Path, tokens: Tokens) -> None:
    """Writes the file, whole or not at all. Raises InputError if it can't be written or has too many names."""
    header = tokens.header
    if sum(len(name) + 4 for name in header.names) > NAMES_MOST:
        raise InputError(f"{path}: {len(header.names)} names are too many for one file; use --shard 100000")
    kind = smallest_type(header.codes)
    empty = np.empty((0, header.books) if header.books > 1 else (0,), kind)
    flat = [one.astype(kind).reshape(-1, *empty.shape[1:]) for one in tokens.indices]
    grids = [one.shape[:2] for one in tokens.indices]
    tensors = {
        "tokens": np.concatenate([empty, *flat]),
        "offsets": np.cumsum([0, *map(len, flat)], dtype=np.int64),
        "grids": np.array(grids, np.int32).reshape(-1, 2),
        "sizes": np.array(tokens.sizes, np.int32).reshape(-1, 2),
    }
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata={KEY: json.dumps(header.model_dump(), sort_keys=True)})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: can't be written ({getattr(error, 'strerror', None) or error})") from None


def read_header(path: Path) -> Header:
    """The header of a file. Raises InputError for one that is missing, cut short, or not a tokens file."""
    header, _ = _read(path, whole=False)
    return header


def check_vocabulary(path: Path, header: Header, model: Vocabulary) -> None:
    """InputError for tokens of another model, and for a file that says other codes than the model of its name has."""
    if header.fingerprint == model.fingerprint:
        for key in ("codes", "books", "factor"):
            said, right = getattr(header, key), getattr(model, key)
            if said != right:
                raise _damaged(path, f"its {key} are {said}, and those of the model that made it {right}")
        return
    theirs, ours = (ascii(one.fingerprint[:SHOWN])[1:-1] for one in (header, model))
    raise InputError(
        f"{path}: its tokens are another model's: theirs has the fingerprint {theirs}..., this one {ours}...; give "
        f"--model the file that made them (its name was {_short(header.model)})"
    )


def read_tokens(path: Path, model: Vocabulary) -> Tokens:
    """Reads the whole file, and checks that its tokens are the model's, in range, and as many as its sizes need.

    Raises InputError for a file that is missing, damaged, or of another model.
    """
    header, held = _read(path)
    check_vocabulary(path, header, model)
    tokens, offsets, grids, sizes = (held[name] for name in ("tokens", "offsets", "grids", "sizes"))
    count = len(header.names)
    wanted = {"offsets": (count + 1,), "grids": (count, 2), "sizes": (count, 2)}
    wanted["tokens"] = (len(tokens) if tokens.ndim else 0, *([model.books] if model.books > 1 else []))
    for name, shape in wanted.items():
        if held[name].shape != shape or held[name].dtype.name not in TYPES[name]:
            raise _damaged(path, f"{name} is {held[name].dtype} {list(held[name].shape)}, not integers {list(shape)}")
    right = -(-sizes // model.factor)  # rows and columns that a picture of this size has
    if (sizes < 1).any() or (grids != right).any():
        raise _damaged(path, f"some pictures' sizes and grids don't go together, at {model.factor} pixels a token")
    counts = right.astype(np.int64).prod(1)  # below 2^62 each; together they may be more than an integer holds
    if (
        (counts > len(tokens)).any()
        or not np.array_equal(offsets, np.cumsum([0, *counts]))
        or offsets[-1] != len(tokens)
    ):
        raise _damaged(path, f"its offsets are not those of its grids, or not of its {len(tokens)} tokens")
    if tokens.size and (tokens.min() < 0 or tokens.max() >= model.codes):
        wrong = tokens.min() if tokens.min() < 0 else tokens.max()
        raise _damaged(
            path, f"it has the token {wrong}, and the model's {model.codes} codes are 0 to {model.codes - 1}"
        )
    parts = zip(np.split(tokens, offsets[1:-1]), grids, strict=True) if count else ()
    indices = [part.reshape(*grid, *tokens.shape[1:]) for part, grid in parts]
    return Tokens(header, indices, [(int(height), int(width)) for height, width in sizes])


def _read(path: Path, whole: bool = True) -> tuple[Header, dict[str, np.ndarray]]:
    if not path.is_file():
        raise InputError(f"{path}: no such tokens file")
    try:
        with path.open("rb"), safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            named = set(file.keys())
            held = {name: file.get_tensor(name) for name in named} if whole and KEY in metadata else {}
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (
        SafetensorError,
        OSError,
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
    ) as error:  # numpy lacks some types
        raise InputError(f"{path}: not a whole .safetensors file ({error}); was its copy cut short?") from None
    if KEY not in metadata:
        raise InputError(f"{path}: holds no tokens; `advloss tokenize` makes such files")
    missing = {"tokens", "offsets", "grids", "sizes"} - named
    if missing:
        raise _damaged(path, f"it has no {', '.join(sorted(missing))}")
    return _header(path, metadata[KEY]), held


def _header(path: Path, text: str) -> Header:
    try:
        content: Any = read_json(text)
    except ValueError as error:
        raise _damaged(path, f"its metadata is not JSON: {error}") from None
    if isinstance(content, dict) and content.get("format", 1) != 1:
        raise InputError(
            f"{path}: of format {content['format']!s:.20}; this version of advloss reads 1: install a newer one"
        )
    try:
        header = Header.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, f"{_short('.'.join(map(str, first['loc'])))[1:-1]}: {first['msg']}") from None
    for name in header.names:
        _check_name(path, name)
    if len(set(header.names)) < len(header.names):
        twice = next(name for name, count in Counter(header.names).items() if count > 1)
        raise _damaged(path, f"two of its pictures are named {_short(twice)}")
    return header


def _check_name(path: Path, name: str) -> None:
    """Raises InputError for a picture's name that leads out of the folder of results, or that no folder can hold."""
    pure = PurePosixPath(name)
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        raise _damaged(path, f"a picture's name is no text: {_short(name)}") from None
    if not pure.name or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise InputError(f"{path}: has a picture named {_short(name)}, which would lie outside the folder of results")


def _short(name: str) -> str:
    """A name for a message: quoted, with escapes, and not longer than a line."""
    return ascii(name) if len(name) <= 80 else f"{name[:80]!a}..."


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path}: damaged: {why}; make it again with `advloss tokenize`")
