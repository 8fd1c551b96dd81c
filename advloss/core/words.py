"""Words for messages: how many there are, and the first few of them."""

from collections.abc import Iterable

SHOWN = 5
"""How many things a sentence names."""


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def some(items: Iterable[object], separator: str = ", ") -> str:
    """The first few of them, and how many more there are."""
    texts = [str(item) for item in items]
    more = f"{separator}and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return separator.join(texts[:SHOWN]) + more
