"""The command `advloss` itself: errors become exit codes (0 done, 1 training failed, 2 bad input, 130 interrupted)."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from advloss.core.console.interruption import interrupt_again
from advloss.core.console.output import printable
from advloss.core.errors import InputError, Interrupted, TrainingError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Translators, super-resolution, tokenizers, generators and their family with adversarial losses: trained, "
    "resumed, measured and used.",
    epilog="First steps: `advloss train recipe=cyclegan-small stripes`, then "
    "`advloss translate runs/cyclegan-small-stripes/model.safetensors PHOTOS RESULTS`, or the same in a browser: "
    "`advloss demo runs/cyclegan-small-stripes/model.safetensors`.",
)


def say(sentence: str) -> None:
    """A line on standard error, where the progress bar is; standard output is for results."""
    print(printable(sentence), file=sys.stderr)


def give(result: object) -> None:
    """A result on standard output, such as a file's name: exactly as it is, but on a terminal."""
    print(printable(str(result)) if sys.stdout.isatty() else result)


def exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with each of our errors as one message and its exit code, without a traceback."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        interrupt_again()
        try:
            command(*arguments, **options)
        except (InputError, TrainingError) as error:
            say(f"advloss: {error}")
            raise typer.Exit(error.exit_code) from None
        except OSError as error:  # what no reader and no writer has put in words of its own
            if error.filename is None:
                raise
            say(f"advloss: {os.fsdecode(error.filename)}: {error.strerror or error}")
            raise typer.Exit(InputError.exit_code) from None
        except (Interrupted, KeyboardInterrupt) as error:
            say(f"advloss: {str(error) or 'interrupted'}")
            raise typer.Exit(Interrupted.exit_code) from None

    return run


def table(header: list[str], rows: list[list[Any]]) -> None:
    """Prints a table without lines, its rows below the header."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*[Text(printable(str(cell))) for cell in row])
    console = Console()
    if not console.is_terminal:
        console.width = 400  # files and pipes have no edge
    console.print(table)
