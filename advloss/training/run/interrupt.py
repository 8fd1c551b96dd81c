"""Ctrl-C, SIGTERM and a closed terminal: the iteration is finished and a checkpoint written before the process ends."""

import signal
from types import FrameType

SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which nohup ignores
    SIGNALS.append(signal.SIGHUP)


class Interrupt:
    """A context manager. Within `with Interrupt() as interrupt` the first signal sets `interrupt.requested`, and a
    second signal raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Interrupt":
        self.previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
