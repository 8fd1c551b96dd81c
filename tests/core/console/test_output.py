"""What is printed: without what a terminal would obey, and without harm where nobody reads it."""

import errno
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from advloss.cli.app import give, say
from advloss.core.console.output import GONE, Output, printable

HARD = {
    b"caf\xe9.png": "caf\\xe9.png",
    b"a\x1b[2Jb.png": "a\\x1b[2Jb.png",
    b"a\x07\x08\x7f": "a\\x07\\x08\\x7f",
    b"a\rb": "a\\x0db",
    b"\xc2\x9b31m": "\\x9b31m",
    "a\u202egnp.exe".encode(): "a\\u202egnp.exe",
    "a\u2028b".encode(): "a\\u2028b",
    "Ünïcödé 写真 😀.png".encode(): "Ünïcödé 写真 😀.png",
    b"tab\tand\nline": "tab\tand\nline",
}
"""Names as bytes, and how they are shown."""


@pytest.mark.parametrize("name", HARD)
def test_names_are_shown_without_what_a_terminal_obeys(name: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    said = os.fsdecode(name)
    assert printable(said) == HARD[name]
    say(f"{said}: is no picture")
    assert capsys.readouterr().err == f"{HARD[name]}: is no picture\n"


def test_any_bytes_become_text_that_can_be_printed() -> None:
    draw = random.Random(0)
    for _ in range(2000):
        said = printable(os.fsdecode(draw.randbytes(draw.randint(1, 40))))
        assert all(letter.isprintable() or letter in "\t\n" or letter > "\x9f" for letter in said)
        said.encode()
        assert "\x1b" not in said and "\x9b" not in said


def test_a_result_that_another_program_reads_is_the_name_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, wanted in ((False, b"caf\xe9/a\x1b.png\n"), (True, b"caf\\xe9/a\\x1b.png\n")):
        file = io.BytesIO()
        stream = io.TextIOWrapper(file, "utf-8", errors="surrogateescape")
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal, raising=False)
        monkeypatch.setattr(sys, "stdout", Output(stream))
        give(Path(os.fsdecode(b"caf\xe9/a\x1b.png")))
        sys.stdout.flush()
        assert file.getvalue() == wanted


class Failing(io.StringIO):
    """A stream whose every use fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EAGAIN, None])
def test_an_output_that_fails_is_no_error(number: int | None) -> None:
    error = ValueError("closed") if number is None else OSError(number, os.strerror(number))
    output = Output(Failing(error))
    print("a", file=output, flush=True)
    assert output.failed is (None if number is None else error)


def test_letters_that_a_stream_has_not_are_escaped() -> None:
    file = io.BytesIO()
    output = Output(io.TextIOWrapper(file, "ascii"))
    print("写é \udce9", file=output, flush=True)
    assert file.getvalue() == b"\\u5199\\xe9 \\udce9\n"


CODE = """
import os, sys
from advloss.core.console.output import keep_writing, lost
keep_writing()
with open("file", "w") as file:
    for number in range(3000):
        print("progress", file=sys.stderr, flush=True)
        print("result")
    file.write("whole")
open("told", "w").write(str(lost()))
"""


@pytest.mark.parametrize(
    ("close", "told"),
    [
        (lambda: os.close(2), "None"),
        (lambda: (os.close(0), os.close(1), os.close(2)), "None"),
        (lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 2), "None"),
        (lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1), "No space left on device"),
        (lambda: [os.dup2(unread(), number) for number in (1, 2)], "None"),
    ],
    ids=["closed", "all closed", "full", "full results", "unread"],
)
def test_a_process_whose_output_nobody_takes_ends_well(tmp_path: Path, close: Callable[[], object], told: str) -> None:
    assert subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, preexec_fn=close, check=False).returncode == 0
    assert (tmp_path / "file").read_text() == "whole", "what is printed does not go into files"
    assert told in (tmp_path / "told").read_text()
    assert errno.EPIPE in GONE


def unread() -> int:
    """A pipe's end for writing, of which nobody has the other."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing
