"""Batches made ahead, by a thread and on a stream of their own, while the device works."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor

PREFETCHED = 2
"""Batches that are made or being made beside the one in use."""

Rest = TypeVar("Rest")
Made = tuple[dict[str, Tensor], Rest]


def prefetched(made: Generator[Made[Rest], None, None], device: torch.device) -> Generator[Made[Rest], None, None]:
    """What `made` gives, in its order, up to `PREFETCHED` before it is asked for. Ends `made` when it is closed.

    The device's work for it runs beside that of the stream which is current where a batch is taken, and is done before
    what that stream is given afterwards. An error comes where the batch would have come.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def make() -> tuple[Made[Rest], torch.cuda.Event | None]:
        with _on(stream):
            batch = next(made)
            return batch, stream.record_event() if stream is not None else None

    first = make()  # not in the thread: processes that decode are started while no other thread is at work
    pool = ThreadPoolExecutor(1, "data")  # waits for nobody, so it lives no longer than what it is doing
    try:
        waiting = deque(pool.submit(make) for _ in range(PREFETCHED))
        yield _taken(*first, device)
        while True:
            waiting.append(pool.submit(make))
            yield _taken(*waiting.popleft().result(), device)
    finally:
        pool.shutdown(cancel_futures=True)
        made.close()


def _taken(made: Made[Rest], ready: torch.cuda.Event | None, device: torch.device) -> Made[Rest]:
    """What the device has made or is making on another stream, to be used on the current one."""
    if ready is not None:
        here = torch.cuda.current_stream(device)
        here.wait_event(ready)
        for tensor in made[0].values():
            tensor.record_stream(here)  # its memory belongs to the other stream, which may not reuse it before
    return made


def _on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else torch.cuda.stream(stream)
