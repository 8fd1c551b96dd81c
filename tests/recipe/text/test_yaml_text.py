"""YAML that nobody vouches for: a plain value, or one sentence that says which line is wrong, in bounded time."""

import os
import time
from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.recipe.text.source import parse, parse_value, read
from advloss.recipe.text.yaml_text import BYTES_MOST

BOMB = "a0: &a0 {x: y}\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11))
WRONG = {
    "!!python/object/apply:os.system [ls]": "the tag",
    "!mine x": "the tag '!mine'",
    "!!binary aGk=": "the tag",
    "!!set {a}": "the tag",
    "!!timestamp 2026-13-45": "the tag",
    "!!int abc": "'abc' is no value of the kind int",
    "!!int ''": "no value of the kind int",
    "!!bool perhaps": "no value of the kind bool",
    "!!float one": "no value of the kind float",
    "!!map [a]": "no value of the kind map",
    "!!seq {a: b}": "no value of the kind seq",
    "!!str [a]": "no value of the kind str",
    "9" * 5000: "a number of more than 100",
    "0x" + "f" * 5000: "a number of more than 100",
    "1" + ":1" * 500: "a number of more than 100",
    "1." + "0" * 500: "a number of more than 100",
    "&a [*a]": "a value that holds itself",
    "&a {b: {c: *a}}": "a value that holds itself",
    "*nothing": "found undefined alias",
    "[" * 100_000: "more than 32 deep",
    "{a: " * 100_000: "more than 32 deep",
    "[" * 40 + "]" * 40: "more than 32 deep",
    "{[a]: b}": "a list or a mapping as a key",
    "{{a: b}: c}": "a list or a mapping as a key",
    "{a: 1, a: 2}": "'a' is written twice",
    "[{a: 1, a: 2}]": "'a' is written twice",
    '{a: 1, "a": 2}': "'a' is written twice",
    '"\\0"': "a character that no text has",
    '"\\ud800"': "a character that no text has",
    '{"\\0": a}': "a character that no text has",
    "\x07": "special characters",
    "[": "expected the node content",
    "- '": "are not allowed here",
    "%": "cannot start any token",
}


def _refused(text: str) -> str:
    began = time.process_time()
    with pytest.raises(InputError) as raised:
        parse(text, "mine.yaml")
    assert time.process_time() - began < 12
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    return str(raised.value)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: ascii(value[:20]))
def test_a_value_that_is_none(value: str) -> None:
    """In a file its line is named; on the command line, its key."""
    said = _refused(f"method: a\nlosses: {value}\n")
    assert said.startswith("mine.yaml:") and WRONG[value] in said
    if value[0] in "[{":
        with pytest.raises(InputError, match=r"^losses: ") as raised:
            parse_value("losses", value)
        assert WRONG[value].split(" (")[0] in str(raised.value) and len(str(raised.value)) < 600


def test_what_would_grow_without_bound() -> None:
    assert "more than 30,000 values" in _refused(BOMB)
    assert f"more than {BYTES_MOST:,} characters" in _refused(" " * (BYTES_MOST + 1))
    assert "a recipe is a mapping" in _refused(" " * (BYTES_MOST // 8))
    assert "more than 32 deep" in _refused("- " * 1000)
    assert "more than 32 deep" in _refused("? " * 1000)


def test_plain_values_stay_what_they_were() -> None:
    made = parse(
        "a: &x [1, 2.5, true, null, no, text]\nb: *x\nc: {0: 64, 10000: 128}\nday: 2026-11-30\nbad_day: 2026-13-45\n"
        "merge: <<\nequal: =\nnone:\nlong: |\n  one\n  two\nhex: 0x1F\n",
        "mine.yaml",
    ).values
    assert made["a"] == made["b"] == [1, 2.5, True, None, False, "text"]
    assert made["c"] == {"0": 64, "10000": 128} and made["long"] == "one\ntwo\n" and made["hex"] == 31
    assert (made["day"], made["bad_day"], made["merge"], made["equal"]) == ("2026-11-30", "2026-13-45", "<<", "=")
    assert made["none"] is None


@pytest.mark.parametrize("kind", ["large", "pipe", "folder", "bytes", "absent"])
def test_a_file_that_is_no_recipe_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    match kind:
        case "large":
            with path.open("wb") as file:
                file.truncate(2**33)  # 8 GB of zeros that take no room
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "bytes":
            path.write_bytes(b"method: \xff\xfe")
    with pytest.raises(InputError, match=r"^recipe=.*mine\.yaml: (has more|is a pipe|is a folder|can't be read)"):
        read(str(path))
