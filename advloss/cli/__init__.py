"""The command line: `from advloss.cli import main`, for scripts that add components of their own before they run it."""

from advloss.cli.main import main

__all__ = ["main"]
