"""Errors and their exit codes: the user's input (2), the training itself (1), an interruption (130)."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave can't be used. The message says where, what is wrong and what to do."""

    exit_code = 2


class TrainingError(RuntimeError):
    """Training can't go on (a loss is not finite, the disk is full). The last good checkpoint is kept."""

    exit_code = 1


class NotFinite(TrainingError):
    """A loss, a logit or a weight became infinite or not a number."""


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for an unknown name, with the nearest known one: `unknown objective 'lsgn'; did you mean ...`."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'{hint} (known: {', '.join(known) or 'none'})"


class Interrupted(Exception):
    """Ctrl-C or SIGTERM stopped the work. What was finished is saved."""

    exit_code = 130
