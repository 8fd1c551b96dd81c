"""A line for who waits: torch takes seconds to load, before a command can say anything of its own."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from advloss.cli.app import say


class _Announcing(MetaPathFinder):
    """Finds nothing. The first time that somebody looks for torch, it says so."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torch":
            sys.meta_path.remove(self)
            say("loading PyTorch ...")
        return None


def announce_torch() -> None:
    """Says so when torch is loaded, on a terminal alone: a log or another program has no use for the line."""
    if "torch" not in sys.modules and sys.stderr is not None and sys.stderr.isatty():
        sys.meta_path.insert(0, _Announcing())
