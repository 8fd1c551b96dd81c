"""The command line: words to calls. Each module has one group of commands."""

# ruff: noqa: I001 (the order is that of `advloss --help`)
from advloss.cli import train as train
from advloss.cli import runs as runs
from advloss.cli import use as use
from advloss.cli import sample as sample
from advloss.cli import tokens as tokens
from advloss.cli import interop as interop
from advloss.cli import demo as demo
from advloss.cli import evaluate as evaluate
from advloss.cli import show as show
from advloss.cli import lab as lab
from advloss.cli import data as data
from advloss.cli.app import app, say
from advloss.cli.common.loading import announce_torch
from advloss.core.allocator import keep_freed_memory
from advloss.core.console.output import keep_writing, lost
from advloss.core.errors import InputError
from advloss.core.threads import limit_spinning


def main() -> None:
    """The `advloss` command."""
    keep_writing()
    limit_spinning()  # before torch is loaded
    announce_torch()
    keep_freed_memory()
    try:
        app()
    except SystemExit as end:
        if end.code or (error := lost()) is None:
            raise
        say(f"advloss: standard output can't be written ({error.strerror}), and what was printed there is lost")
        raise SystemExit(InputError.exit_code) from None
