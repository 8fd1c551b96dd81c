"""What counts its calls in Python, and does something else at some of them (floor 0).

A recorded iteration (`devices.Recording`) plays its kernels and no Python. So whoever plays it asks, before each
iteration, what each counter would do in it, and counts for it afterwards.
"""

from collections.abc import Hashable, Iterator

from torch import nn


class Counting:
    """calls: how many there were so far."""

    calls: int = 0

    def phase(self, calls: int) -> Hashable:
        """What the next `calls` calls would do, the same value for the same; None where only Python can do it."""
        raise NotImplementedError


def counters(module: nn.Module) -> Iterator[Counting]:
    """Everything within a module that counts, itself a module or held by one."""
    for part in module.modules():
        if isinstance(part, Counting):
            yield part
        yield from (held for held in vars(part).values() if isinstance(held, Counting))
