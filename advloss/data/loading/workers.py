"""Batches made by other processes, in order."""

import itertools
import signal
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from advloss.core.errors import InputError, TrainingError
from advloss.data.loading.host_batches import Arrays, HostBatches
from advloss.data.sampling.samples import Skip


def from_workers(samples: HostBatches, start: int, workers: int) -> Iterator[tuple[Arrays, list[Skip]]]:
    """Yields batch number `start` and all that follow, from processes that end with this iterator."""
    loader: DataLoader[Any] = DataLoader(
        _Numbered(samples),
        batch_size=None,
        sampler=itertools.count(start),
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=_unthreaded,
        generator=torch.Generator().manual_seed(0),  # else making the iterator draws from the global one
    )
    before = signal.getsignal(signal.SIGCHLD)
    batches = iter(loader)
    if threading.current_thread() is threading.main_thread():
        # torch's handler would raise in the middle of an iteration; without it, `next` finds that a worker is gone
        signal.signal(signal.SIGCHLD, before)
    while True:
        try:
            made = next(batches)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise TrainingError(
                "a process that reads pictures (data.workers) was ended from outside, as the system does where memory "
                "runs out: fewer data.workers need less"
            ) from None
        if isinstance(made, InputError):
            raise made
        yield made


class _Numbered(Dataset[Any]):
    """What a worker process does. It returns an `InputError` as a value: raised, it would arrive as a traceback."""

    def __init__(self, samples: HostBatches) -> None:
        self.samples = samples

    def __getitem__(self, number: int) -> tuple[Arrays, list[Skip]] | InputError:
        try:
            return self.samples.batch(number)
        except InputError as error:
            return error


def _unthreaded(worker: int) -> None:
    cv2.setNumThreads(0)


def _as_is(item: Any) -> Any:
    return item
