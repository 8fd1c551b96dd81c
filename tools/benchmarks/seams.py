"""Where an iteration's time goes: a clock that changes hands at the iteration's seams."""

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from advloss.recipe.terms import GENERATOR
from advloss.training.fast.split_backward import SplitBackward
from advloss.training.fast.step import FastStep
from tools.benchmarks.measuring.measure import Action

REST = "rest"


class Seams:
    """Seconds by name. A part within another counts for itself alone, so that all parts sum up to the whole.

    On CUDA each change waits for the device: the parts are true and their sum is longer than an iteration is without.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.taken: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """What happens here counts for `name`."""
        self._charge()
        self._open.append(name)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def wrapped(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, whose time counts for `name`."""

        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.within(name):
                return function(*arguments, **options)

        return timed

    def _charge(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        if self._open:
            self.taken[self._open[-1]] += now - self._since
        self._since = now


def split(executor: FastStep, play: Action, device: torch.device, iterations: int) -> dict[str, Any]:
    """Seconds an iteration of each part and its share; a run of its own, in which nothing else is timed."""
    seams = Seams(device)
    with ExitStack() as stack:
        for owner, attribute, name in places(executor):
            stack.enter_context(patch.object(owner, attribute, seams.wrapped(getattr(owner, attribute), name)))
        for _ in range(iterations):
            with seams.within(REST):
                play()
    total = sum(seams.taken.values())
    parts = {name: {"seconds": taken / iterations, "share": taken / total} for name, taken in seams.taken.items()}
    return {"iterations": iterations, "seconds_an_iteration": total / iterations, "parts": parts}


def places(executor: FastStep) -> list[tuple[object, str, str]]:
    """(whose, which method, what its time is called)."""
    found: list[tuple[object, str, str]] = [
        (executor, "forward", "generator forward"),
        (executor, "generator_step", "losses of the generator's turn"),
        (SplitBackward, "backward", "generator backward"),
        (executor, "discriminator_step", "discriminator forward"),
    ]
    for name, player in executor.players.items():
        found += [(player, "step", "optimizers")]
        found += [(player, "backward", "discriminator backward")] if name != GENERATOR else []
    if executor.average is not None:
        found.append((executor.average, "update", "average"))
    return found
