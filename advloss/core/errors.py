"""Errors and their exit codes: the user's input (2), the training itself (1), an interruption (130)."""

import difflib
from collections.abc import Iterable, Mapping


class InputError(ValueError):
    """Something the user gave can't be used. The message says where, what is wrong and what to do."""

    exit_code = 2


class TrainingError(RuntimeError):
    """Training can't go on (a loss is not finite, the disk is full). The last good checkpoint is kept."""

    exit_code = 1


class NotFinite(TrainingError):
    """A loss, a logit or a weight became infinite or not a number."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for an unknown name, with the nearest known one: `unknown objective 'lsgn'; did you mean ...`."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'{hint} (known: {', '.join(known) or 'none'})"


def some(items: Iterable[object], separator: str = ", ", most: int = 5) -> str:
    """The first few of them, and how many more there are."""
    texts = [str(item) for item in items]
    more = f"{separator}and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def together(problems: Mapping[str, str]) -> str:
    """One message for several files with a problem of one kind: the sentence of the first, and the names of the others.

    problems: the sentence of each file, by the file.
    """
    first, *others = problems.values()
    return first if not others else f"{first} ({len(problems)} in all: {some(problems)})"


class Interrupted(Exception):
    """Ctrl-C or SIGTERM stopped the work. What was finished is saved."""

    exit_code = 130
