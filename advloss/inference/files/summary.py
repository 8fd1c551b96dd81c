"""What became of files, one by one: what went wrong with one is named, counted, and does not stop the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from advloss.core.errors import InputError
from advloss.inference.tiles.peak_memory import out_of_memory
from advloss.inference.tiles.tiler import TileTooSmall

Say = Callable[[str], None]
Skipped = Callable[[object], None]
"""Told why a picture is skipped."""


@dataclass
class Summary:
    """What became of the files: how many were written, and why others were not.

    done: what is done to a picture, in one word: `translated`, `upscaled`.
    """

    done: str
    written: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)

    def words(self) -> str:
        """`12 pictures written, 3 were there already (--overwrite replaces them), 1 could not be translated`."""
        parts = [f"{self.written} picture{'s' * (self.written != 1)} written"]
        if self.present:
            parts.append(f"{self.present} were there already (--overwrite replaces them)")
        if self.failed:
            parts.append(f"{len(self.failed)} could not be {self.done}")
        return ", ".join(parts)

    def check(self) -> None:
        """InputError that names all that failed, if any did."""
        if self.failed:
            raise InputError("\n".join([f"these could not be {self.done}:", *self.failed]))


def reporter(summary: Summary, say: Say) -> Skipped:
    """What is to be told of each picture that is skipped: it is said, and counted in the summary."""

    def skipped(why: object) -> None:
        summary.failed.append(str(why))
        say(f"skipped: {why}")

    return skipped


@contextmanager
def failures_named(skipped: Skipped, source: object, result: Path) -> Iterator[None]:
    """Whatever goes wrong inside with one picture is told to `skipped`, in a sentence, and goes no further.

    But for a tile that has no room for its overlap: that is no picture's fault.
    """
    try:
        yield
    except TileTooSmall:
        raise  # as it would with any picture
    except InputError as error:
        skipped(error)
    except OSError as error:
        skipped(f"{result}: can't be written ({error.strerror or error})")
    except (MemoryError, RuntimeError) as error:
        short = out_of_memory(error)
        skipped(f"{source}: {'there is not enough memory for it' if short else error}")
