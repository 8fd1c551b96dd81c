"""Tokens files that nobody vouches for: tokens that the model has, or one sentence, in time."""

import json
import math
import os
import random
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from advloss.core.errors import InputError
from advloss.inference.tokens.token_shards import token_files
from advloss.inference.tokens.tokens_file import KEY, Header, Tokens, Vocabulary, read_tokens, write_tokens

VOCABULARIES = [
    Vocabulary(fingerprint="0a" * 32, codes=codes, books=books, bits=math.log2(codes), factor=4)
    for codes, books in ((300, 1), (16, 3))
]
SIZES = [(8, 11), (1, 4), (16, 16)]


def _base(path: Path, vocabulary: Vocabulary) -> bytes:
    drawn, books = np.random.default_rng(0), [vocabulary.books] if vocabulary.books > 1 else []
    grids = [(-(-height // 4), -(-width // 4)) for height, width in SIZES]
    indices = [drawn.integers(0, vocabulary.codes, (*grid, *books)) for grid in grids]
    header = Header(**vocabulary.model_dump(), model="m.safetensors", names=["a.png", "deep/b.jpg", "\u00e9.png"])
    write_tokens(path, Tokens(header, indices, SIZES))
    return path.read_bytes()


def _said(path: Path, vocabulary: Vocabulary) -> str | None:
    """What the reader says; None if it takes the file, which then holds what the model can decode."""
    began = time.process_time()
    try:
        tokens = read_tokens(path, vocabulary)
    except InputError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said and said.isprintable() and len(said) < 800, said
        return said.removeprefix(f"{path}: ")
    finally:
        assert time.process_time() - began < 2
    assert len(tokens.header.names) == len(tokens.indices) == len(tokens.sizes)
    for one, size in zip(tokens.indices, tokens.sizes, strict=True):
        assert one.min() >= 0 and one.max() < vocabulary.codes
        assert one.shape[:2] == tuple(-(-side // vocabulary.factor) for side in size)
    return None


def _saved(path: Path, about: dict[str, Any], held: dict[str, np.ndarray]) -> None:
    save_file(held, path, metadata={KEY: json.dumps(about)})


def _parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()[KEY]), load_file(path)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sizes", np.array([[2**64 - 1, 2**64 - 4]] * 3, np.uint64), "sizes is uint64"),
        ("sizes", np.array([[2**31 - 1] * 2] * 3, np.int32), "sizes and grids don't go together"),
        ("sizes", np.array([[-(2**31)] * 2] * 3, np.int32), "sizes and grids don't go together"),
        ("grids", np.array([[2, 3]] * 3, np.int64), "grids is int64"),
        ("offsets", np.array([0, 6, 7, 2**64 - 1], np.uint64), "offsets is uint64"),
        ("offsets", np.zeros(0, np.int64), "offsets is int64"),
        ("tokens", np.zeros((), np.int32), "tokens is int32 []"),
        ("tokens", np.full(23, 2**63, np.uint64), "tokens is uint64"),
        ("tokens", np.zeros(23, np.bool_), "tokens is bool"),
    ],
)
def test_integers_of_other_types_and_sizes(tmp_path: Path, key: str, value: np.ndarray, says: str) -> None:
    path = tmp_path / "t.safetensors"
    _base(path, VOCABULARIES[0])
    about, held = _parts(path)
    _saved(path, about, held | {key: value})
    assert says in (_said(path, VOCABULARIES[0]) or "")


def test_pictures_whose_tokens_are_too_many_to_count(tmp_path: Path) -> None:
    """Four pictures of 2^31 x 2^31 tokens: their number is a multiple of 2^64, which wraps around to nothing."""
    path, vocabulary = tmp_path / "t.safetensors", VOCABULARIES[0].model_copy(update={"factor": 1})
    count, side = 16, 2**30
    about = Header(**vocabulary.model_dump(), names=[f"{i}.png" for i in range(count)]).model_dump()
    held = {
        "tokens": np.zeros(0, np.uint16),
        "offsets": np.cumsum([0] + [side * side] * count, dtype=np.int64) * 0,
        "grids": np.full((count, 2), side, np.int32),
        "sizes": np.full((count, 2), side, np.int32),
    }
    _saved(path, about, held)
    assert "its offsets are not those of its grids" in (_said(path, vocabulary) or "")


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"codes": 400}, "damaged: its codes are 400, and those of the model that made it 300"),
        ({"codes": 10**30}, "damaged"),
        ({"factor": 8}, "damaged: its factor are 8"),
        ({"books": 2}, "damaged: its books are 2"),
        ({"fingerprint": "\x1b[2J"}, "another model's"),
        ({"names": ["a", "a", "b"]}, "two of its pictures are named 'a'"),
        ({"names": ["a", "\ud800", "b"]}, "no text"),
        ({"names": ["a", "\0", "b"]}, "outside"),
        ({"names": ["a", "../" * 1000 + "x", "b"]}, "outside"),
        ({"names": [["a"], "b", "c"]}, "damaged"),
        ({"names": 5}, "damaged"),
        ({"format": [[[]]]}, "of format"),
        ({"size": -1}, "damaged"),
    ],
)  # fmt: skip
def test_headers_that_are_not_believed(tmp_path: Path, about: dict[str, Any], says: str) -> None:
    path = tmp_path / "t.safetensors"
    _base(path, VOCABULARIES[0])
    header, held = _parts(path)
    _saved(path, header | about, held)
    assert says in (_said(path, VOCABULARIES[0]) or "")


def test_metadata_that_is_nested(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    _base(path, VOCABULARIES[0])
    save_file(_parts(path)[1], path, metadata={KEY: "[" * 100_000})
    assert "its metadata is not JSON: lists within lists" in (_said(path, VOCABULARIES[0]) or "")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "\0", "\x1b[2J", "absent.safetensors"])
def test_indices_that_name_no_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.json"
    shards = [{"file": name, "pictures": 1}]
    path.write_text(json.dumps({"format": 1, "fingerprint": "0a", "pictures": 1, "shards": shards}))
    with pytest.raises(InputError, match=r"t\.json: names shards"):
        token_files(path)


def test_indices_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    for text in ("", "[" * 100_000, "{", "5", '{"shards": -1}', '{"format": 2}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"t\.json: no index of token shards"):
            token_files(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"t\.json: is a pipe"):
        token_files(path)


def test_fuzzed_tokens_files(tmp_path: Path) -> None:
    """500 files with flipped, cut and exchanged bytes and odd values in their headers."""
    path, chosen, taken = tmp_path / "t.safetensors", random.Random(15), 0
    bases = [_base(path, vocabulary) for vocabulary in VOCABULARIES]
    odd = [None, [], {}, -1, 0, 10**9, 10**400, 1e308, "", "x", True, [[]], ["a", "b", "c"], "0a" * 32]
    for number in range(500):
        which = chosen.randrange(2)
        data = bytearray(bases[which])
        length = struct.unpack("<Q", data[:8])[0]
        match number % 5:
            case 0:
                data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
            case 1:
                data[chosen.randrange(8 + length)] = chosen.randrange(256)
            case 2:
                place = chosen.randrange(len(data))
                data[place : place + chosen.randrange(1, 64)] = b""
            case 3:
                place = 8 + length + chosen.randrange(len(data) - 8 - length)
                data[place : place + 8] = chosen.choice([b"\xff" * 8, b"\0" * 8, b"\x80" * 8])[: len(data) - place]
            case 4:
                path.write_bytes(bases[which])
                about, held = _parts(path)
                about[chosen.choice(sorted(about))] = chosen.choice(odd)
                _saved(path, about, held)
                data = bytearray(path.read_bytes())
        path.write_bytes(data)
        taken += _said(path, VOCABULARIES[which]) is None
    assert 10 < taken < 250
