"""The tokens file: what it says, and every way in which one can be damaged or dangerous."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from advloss.core.errors import InputError
from advloss.inference.tokens.tokens_file import Header, Tokens, Vocabulary, read_tokens, smallest_type, write_tokens

VOCABULARY = Vocabulary(fingerprint="0a" * 32, codes=300, books=1, bits=np.log2(300), factor=4)
INDICES = [np.arange(6).reshape(2, 3) + 290, np.array([[7]])]
SIZES = [(8, 11), (1, 4)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    header = Header(**VOCABULARY.model_dump(), model="m.safetensors", names=["a.png", "deep/b.jpg"])
    write_tokens(tmp_path / "t.safetensors", Tokens(header, INDICES, SIZES))
    return tmp_path / "t.safetensors"


def test_what_is_written_is_read(written: Path):
    tokens = read_tokens(written, VOCABULARY)
    assert tokens.header.names == ["a.png", "deep/b.jpg"] and tokens.sizes == SIZES
    for one, wanted in zip(tokens.indices, INDICES, strict=True):
        np.testing.assert_array_equal(one, wanted)
    held = load_file(written)
    assert held["tokens"].tolist() == [290, 291, 292, 293, 294, 295, 7] and held["offsets"].tolist() == [0, 6, 7]


def test_a_file_without_pictures(tmp_path: Path):
    for books in (1, 3):
        vocabulary = VOCABULARY.model_copy(update={"books": books})
        write_tokens(tmp_path / "t.safetensors", Tokens(Header(**vocabulary.model_dump(), skipped={"a": "why"})))
        tokens = read_tokens(tmp_path / "t.safetensors", vocabulary)
        assert tokens.indices == [] and tokens.sizes == [] and tokens.header.skipped == {"a": "why"}


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        *((2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16")),
        *((65537, "int32"), (2**31, "int32"), (2**31 + 1, "int64")),
    ],
)
def test_the_smallest_type_that_holds_all_codes(codes: int, kind: str):
    assert smallest_type(codes) == kind


Held = dict[str, np.ndarray]


def changed(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Held, dict], None]:
    def change_it(held: Held, about: dict) -> None:
        held[key] = np.ascontiguousarray(change(held[key]))

    return change_it


def said(**values: object) -> Callable[[Held, dict], None]:
    return lambda held, about: about.update(values)


DAMAGES: dict[str, tuple[Callable[[Held, dict], None], str]] = {
    "out of range": (changed("tokens", lambda x: x + 5), "the token 300, and the model's 300 codes are 0 to 299"),
    "negative": (changed("tokens", lambda x: x.astype(np.int32) - 8), "the token -1, and the model's 300 codes"),
    "tokens cut": (changed("tokens", lambda x: x[:-1]), "offsets are not those of its grids, or not of its 6 tokens"),
    "tokens in two columns": (changed("tokens", lambda x: np.stack([x, x], 1)), r"tokens is uint16 \[7, 2\]"),
    "floating point": (changed("tokens", lambda x: x.astype(np.float32)), "tokens is float32"),
    "offsets moved": (changed("offsets", lambda x: x + np.array([0, 1, 0])), "offsets are not those of its grids"),
    "offsets too many": (changed("offsets", lambda x: np.append(x, 9)), r"offsets is int64 \[4\], not integers \[3\]"),
    "grids turned": (changed("grids", lambda x: x[:, ::-1]), "sizes and grids don't go together, at 4 pixels a token"),
    "sizes too large": (changed("sizes", lambda x: x + 4), "sizes and grids don't go together"),
    "no size": (changed("sizes", lambda x: x * 0), "sizes and grids don't go together"),
    "names too few": (said(names=["a.png"]), r"offsets is int64 \[3\], not integers \[2\]"),
    "no offsets": (lambda held, about: held.pop("offsets"), "it has no offsets"),  # type: ignore[dict-item]
    "no fingerprint": (lambda held, about: about.pop("fingerprint"), "fingerprint: Field required"),
    "no codes": (said(codes=0), "codes: Input should be greater than 0"),
    "newer": (said(format=2), "of format 2; this version of advloss reads 1: install a newer one"),
    "another's": (said(fingerprint="bc" * 32), r"has the fingerprint bcbcbcbcbcbc\.\.\., this one 0a0a0a0a0a0a\.\.\."),
    "above": (said(names=["../a.png", "b"]), "named '../a.png', which would lie outside the folder of results"),
    "absolute": (said(names=["a", "/tmp/b.png"]), "named '/tmp/b.png', which would lie outside"),
    "inside out": (said(names=["a", "b/../../c.png"]), "which would lie outside"),
    "nameless": (said(names=["a", ""]), "named '', which would lie outside"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_file_is_refused(case: str, written: Path):
    change, fragment = DAMAGES[case]
    with safe_open(written, "np") as file:
        about = json.loads(file.metadata()["advloss_tokens"])
    held = load_file(written)
    change(held, about)
    save_file(held, written, metadata={"advloss_tokens": json.dumps(about)})
    with pytest.raises(InputError, match=fragment) as refusal:
        read_tokens(written, VOCABULARY)
    assert str(refusal.value).startswith(f"{written}: ")


def test_files_that_are_none(written: Path, tmp_path: Path):
    (tmp_path / "cut.safetensors").write_bytes(written.read_bytes()[:-5])
    (tmp_path / "text.safetensors").write_text("hello, this is no tokens file")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    save_file({"a": np.zeros(3)}, tmp_path / "weights.safetensors")
    save_file({}, tmp_path / "words.safetensors", metadata={"advloss_tokens": "{"})
    for name, fragment in (
        ("cut", "not a whole .safetensors file"),
        ("text", "not a whole .safetensors file"),
        ("empty", "not a whole .safetensors file"),
        ("weights", "holds no tokens; `advloss tokenize` makes such files"),
        ("words", "damaged"),
        ("none", "no such tokens file"),
    ):
        with pytest.raises(InputError, match=fragment):
            read_tokens(tmp_path / f"{name}.safetensors", VOCABULARY)


def test_too_many_names_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("advloss.inference.tokens.tokens_file.NAMES_MOST", 10)
    header = Header(**VOCABULARY.model_dump(), names=["a.png", "deep/b.jpg"])
    with pytest.raises(InputError, match="2 names are too many for one file; use --shard 100000"):
        write_tokens(tmp_path / "t.safetensors", Tokens(header, INDICES, SIZES))
    assert list(tmp_path.iterdir()) == []
