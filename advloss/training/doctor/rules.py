"""The rules: each looks at the series of a run and may find what goes wrong."""

from collections.abc import Callable

from advloss.training.doctor.history import Finding, History

RULES: dict[str, Callable[[History], Finding | None]] = {}


def findings(history: History) -> list[Finding]:
    """What the rules find that have not spoken yet."""
    return []
