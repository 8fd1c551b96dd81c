"""An action in a process of its own, to be compared with one of this process or of another one."""

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from advloss.core.errors import InputError
from tools.benchmarks.measuring import measure


class Elsewhere:
    """An action that runs in another process, which times it while this one waits.

        with Elsewhere(make, device, *arguments) as theirs:
            theirs.seconds(5)

    make: a function at the top of a module, which takes the device and the arguments and returns the action. What one
    process sets (malloc, cuDNN, TF32) does not change the other.
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
        """The seconds of each of `repeats` calls there. Raises InputError if the action can't be made or run."""
        try:
            self._pipe.send(repeats)
            found: list[float] | str = self._pipe.recv()
        except (EOFError, OSError):
            raise InputError("the other process failed; its error is above") from None
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
        with contextlib.suppress(OSError):  # the process that asked may have ended
            pipe.send(str(error))  # its class may be another checkout's
        return
    while True:
        try:
            repeats = pipe.recv()
        except EOFError:
            return
        pipe.send(measure.seconds(action, device, repeats))
