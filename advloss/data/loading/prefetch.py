"""Prefetch: a thread makes the next batches, on a stream of its own, while the device works on the last one."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor

PREFETCHED = 2
"""How many batches are prefetched."""

Rest = TypeVar("Rest")
Made = tuple[dict[str, Tensor], Rest]


def prefetched(made: Generator[Made[Rest], None, None], device: torch.device) -> Generator[Made[Rest], None, None]:
    """Yields what `made` yields, in its order, and computes up to `PREFETCHED` of it in advance. Closes `made`.

    The device makes a batch on another stream than the current one. The current stream waits for it before it does any
    work that it gets after the batch was taken. An error is raised where its batch would have been yielded.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def make() -> tuple[Made[Rest], torch.cuda.Event | None]:
        with _on(stream):
            batch = next(made)
            return batch, stream.record_event() if stream is not None else None

    first = make()  # not in the thread: it starts the processes that decode, and no other thread may run then
    pool = ThreadPoolExecutor(1, "data")  # its shutdown waits for one batch at most
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
    """Makes a batch of another stream usable on the current stream."""
    if ready is not None:
        here = torch.cuda.current_stream(device)
        here.wait_event(ready)
        for tensor in made[0].values():
            tensor.record_stream(here)  # its memory belongs to the other stream, which may not reuse it before
    return made


def _on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else torch.cuda.stream(stream)
