"""Words for messages: how many there are, and the first few of them."""

from collections.abc import Callable, Iterable, Mapping

SHOWN = 5
"""How many things a sentence names."""


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def some(items: Iterable[object], separator: str = ", ", most: int = SHOWN) -> str:
    """The first few of them, and how many more there are."""
    texts = [str(item) for item in items]
    more = f"{separator}and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    return f"{days} d {hours_left} h" if days else f"{hours} h {minutes} min"


def together(problems: Mapping[str, str]) -> str:
    """One message for several files with a problem of one kind: the sentence of the first, and the names of the others.

    problems: the sentence of each file, by the file.
    """
    first, *others = problems.values()
    return first if not others else f"{first} ({len(problems)} in all: {some(problems)})"


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """A function that shows each sentence once, with `say`."""
    said: set[str] = set()

    def say_once(words: str) -> None:
        if words not in said:
            said.add(words)
            say(words)

    return say_once
