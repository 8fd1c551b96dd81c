"""What is printed: with no control characters of file names, and without harm where nobody reads it."""

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and ends of lines, marks that turn the direction of text round, and halves of
characters, as which Python reads bytes that are not UTF-8."""
GONE = {errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET}
"""The errors of an output whose reader, or terminal, is gone for good."""


def printable(text: str) -> str:
    """The text with what a terminal would obey, or could not show, as an escape: `a\\x1b[2Jb.png`, `caf\\xe9.png`."""
    return HARMFUL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


class Output:
    """A stream to which writing never fails: what can't be written, since nobody reads it or a disk is full, is lost.

    So a training, which prints its progress, goes on. `failed`: the first error but for a reader that went away.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.failed: OSError | None = None

    def write(self, text: str) -> int:
        """Writes the text as far as that is possible; characters that the stream has not as escapes."""
        with self._never():
            try:
                self.stream.write(text)
            except UnicodeEncodeError:
                self.stream.write(text.encode(self.stream.encoding, "backslashreplace").decode(self.stream.encoding))
        return len(text)

    def flush(self) -> None:
        """Hands over what was written, if that is possible."""
        with self._never():
            self.stream.flush()

    @contextmanager
    def _never(self) -> Iterator[None]:
        """Errors of the output end here."""
        try:
            yield
        except ValueError:  # it was closed
            return
        except OSError as error:
            if error.errno not in GONE:
                self.failed = self.failed or error
                return
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def keep_writing() -> None:
    """Makes standard output and standard error an `Output`. Call it once, before anything is printed or opened.

    A descriptor that the caller closed (`2>&-`) is opened to nothing, or the next file that is opened would get its
    number, and what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115, PTH123 (for the whole process)
        if name == "stdout" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # names as the bytes that they are, for other programs
        setattr(sys, name, Output(stream))


def lost() -> OSError | None:
    """Why something that was printed on standard output is lost, where its reader did not go away; None if nothing
    is."""
    sys.stdout.flush()
    return getattr(sys.stdout, "failed", None)
