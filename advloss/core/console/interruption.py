"""Ctrl-C while the command starts or imports: there is nothing to finish and nothing to keep."""

import os
import signal
from types import FrameType

CODE = 130


def leave_at_once() -> None:
    """From now on Ctrl-C ends the process in one sentence, until `interrupt_again`. An ignored one stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def interrupt_again() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again, but within an import it still ends the process: modules in C++
    would end it with a message of their own, as those of torch do."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    within = frame
    while within is not None:
        if within.f_code.co_filename.startswith("<frozen importlib"):
            _leave(number, frame)
        within = within.f_back
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"advloss: interrupted\n")
    finally:
        os._exit(CODE)
