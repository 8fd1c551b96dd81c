"""Pictures that can't be measured: each is named and counted, and the rest is measured."""

from collections.abc import Callable
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.memory import out_of_memory
from advloss.images.reading import UnreadableImage

FAILURES = (InputError, OSError, MemoryError, RuntimeError)
"""Errors of one picture; the others are still measured."""


class Skipped:
    """The pictures that are not measured, and the reasons.

    `say` shows them, but not before one picture was measured: if an option fits no picture, that is one error and not
    a list of all pictures.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.sentences: list[str] = []
        self._reasons: set[str] = set()
        self.say = say
        self._holds_back = True

    def __call__(self, path: Path, why: str) -> None:
        """Adds a file or folder that is skipped, and the reason."""
        self.sentences.append(f"{path}: {why}")
        self._reasons.add(why)
        if not self._holds_back:
            self.say(f"skipped: {self.sentences[-1]}")

    def failed(self, path: Path, error: BaseException) -> None:
        """Adds a truth that is skipped because of one of FAILURES."""
        if isinstance(error, UnreadableImage):
            self(error.path, error.why)
        elif out_of_memory(error):
            self(path, "there is not enough memory for it")
        elif isinstance(error, OSError):
            self(path, f"can't be read ({error.strerror or error})")
        else:
            self(path, str(error))

    def one_measured(self) -> None:
        """Call it when a picture was measured. Shows the skipped pictures that were not shown yet."""
        if self._holds_back:
            self._holds_back = False
            for sentence in self.sentences:
                self.say(f"skipped: {sentence}")

    def nothing_left(self) -> InputError:
        """The error for when all pictures were skipped."""
        if len(self._reasons) == 1 and len(self.sentences) > 1:
            return InputError(f"nothing could be measured, {len(self.sentences)} times: {self._reasons.pop()}")
        return InputError("\n".join(["nothing could be measured:", *self.sentences]))

    def check(self) -> None:
        """Raises InputError with the names of the skipped pictures, if there are any."""
        if self.sentences:
            raise InputError("\n".join(["these were skipped, so the means are not of all:", *self.sentences]))
