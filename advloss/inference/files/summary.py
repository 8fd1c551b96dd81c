"""The summary of a command: errors of single files are shown and counted, and don't stop the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.memory import out_of_memory
from advloss.core.words import counted, some
from advloss.inference.tiles.tiler import TileTooSmall

Say = Callable[[str], None]
Skipped = Callable[[object], None]
"""A function that gets the reason why a picture is skipped."""
SEVERAL = "of files that hold several pictures the first is taken"
OVER_WHITE = "alpha is laid over white"


@dataclass
class Summary:
    """How many files were written, how many existed already, and why others failed.

    done: the participle for messages: `translated`, `upscaled`.
    """

    done: str
    written: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)

    def words(self) -> str:
        """`12 pictures written, 3 were there already (--overwrite replaces them), 1 could not be translated`."""
        parts = [f"{counted(self.written, 'picture')} written"]
        if self.present:
            parts.append(f"{self.present} were there already (--overwrite replaces them)")
        if self.failed:
            parts.append(f"{len(self.failed)} could not be {self.done}")
        return ", ".join(parts)

    def check(self) -> None:
        """Raises InputError with the names of all files that failed, if any did."""
        if self.failed:
            raise InputError("\n".join([f"these could not be {self.done}:", *self.failed]))


class Remarks:
    """What is not taken of pictures, or not kept in results: counted while files are read, told at the end, each kind
    once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def add(self, what: str, file: object) -> None:
        """Counts a file. what: the kind, a sentence without its end."""
        self._files.setdefault(what, []).append(str(file))

    def tell(self, say: Say) -> None:
        """Says each kind, how many files it concerns, and the first of them: `... (3 pictures: a.gif, b.gif, ...)`."""
        for what, files in self._files.items():
            say(f"{what} ({counted(len(files), 'picture')}: {some(sorted(files))})")
        self._files.clear()


def reporter(summary: Summary, say: Say) -> Skipped:
    """A function that shows why a picture is skipped, and counts it in the summary."""

    def skipped(why: object) -> None:
        summary.failed.append(str(why))
        say(f"skipped: {why}")

    return skipped


@contextmanager
def failures_named(skipped: Skipped, source: object, result: Path) -> Iterator[None]:
    """A context in which errors are not raised, but reported to `skipped` in a sentence that names the file.

    `TileTooSmall` is raised, since it would be the same for all pictures.
    """
    try:
        yield
    except TileTooSmall:
        raise
    except InputError as error:
        skipped(error)
    except OSError as error:
        skipped(f"{result}: can't be written ({error.strerror or error})")
    except (MemoryError, RuntimeError) as error:
        short = out_of_memory(error)
        skipped(f"{source}: {'there is not enough memory for it' if short else error}")
