"""What is compared with ours, in a process of its own."""

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from advloss.core.errors import InputError
from tools.benchmarks.measuring import measure


class Elsewhere:
    """An action that another process makes and times, while this one waits.

        with Elsewhere(make, device, *arguments) as theirs:
            theirs.seconds(5)

    make: a function of a module, which takes the device and the arguments and gives the action. What either side sets
    for its process (malloc, cuDNN, TF32) does not reach the other.
    """

    def __init__(self, make: Callable[..., measure.Action], device: torch.device, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        words = (theirs, make, device, arguments, torch.get_num_threads())
        self._process = context.Process(target=_serve, args=words, daemon=True)
        self._process.start()
        theirs.close()  # so that this end sees it closed when the process ends

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def seconds(self, repeats: int) -> list[float]:
        """What each of `repeats` calls takes there. InputError where the action can't be made or run."""
        try:
            self._pipe.send(repeats)
            found: list[float] | str = self._pipe.recv()
        except (EOFError, OSError):
            raise InputError("what is compared with ours failed in its process; the error is above") from None
        if isinstance(found, str):
            raise InputError(found)
        return found


def _serve(
    pipe: Connection, make: Callable[..., measure.Action], device: torch.device, arguments: Any, threads: int
) -> None:
    torch.set_num_threads(threads)
    try:
        action = make(device, *arguments)
    except InputError as error:
        with contextlib.suppress(OSError):  # who asked may be gone, since another side failed
            pipe.send(str(error))  # its class may be another checkout's
        return
    while True:
        try:
            repeats = pipe.recv()
        except EOFError:
            return
        pipe.send(measure.seconds(action, device, repeats))
