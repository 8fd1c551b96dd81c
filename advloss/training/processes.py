"""Several processes under torchrun: their ranks, and the flags and numbers that they exchange."""

import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from advloss.core.devices import choose_device
from advloss.core.distributed import together


class Processes:
    """This process among the others. With one process nothing here does anything.

    Gradients go over NCCL (CUDA) or gloo (CPU). Flags and numbers go over a gloo group of their own, so that the
    question whether to stop does not wait for the device.

    device: `cpu`, `cuda`, or None for a GPU if there is one. Raises InputError for a device that does not exist.
    """

    def __init__(self, device: str | None) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.device = choose_device(device, int(os.environ.get("LOCAL_RANK", "0")))
        self.control: Any = None  # a gloo ProcessGroup
        self.started_here = self.world > 1 and not dist.is_initialized()
        if self.started_here:
            dist.init_process_group(backends(self.device))
        if self.world > 1:
            # the others wait in it while the first process downloads a data set
            with together():
                self.control = dist.new_group(backend="gloo", timeout=timedelta(days=1))

    @property
    def first(self) -> bool:
        """Whether this is the first process, the one that writes files."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process. All processes must call it at the same point."""
        if self.control is None:
            return flag
        told = torch.tensor(int(flag))
        with together():
            dist.all_reduce(told, op=dist.ReduceOp.MAX, group=self.control)
        return bool(told.item())

    def sum(self, numbers: list[float]) -> list[float]:
        """Each number, summed over the processes. All processes must call it at the same point."""
        if self.control is None or not numbers:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        with together():
            dist.all_reduce(told, group=self.control)
        return told.tolist()

    def gather(self, mine: Any) -> list[Any]:
        """In the first process the objects of all processes, by rank; in the others an empty list."""
        if self.control is None:
            return [mine]
        several = [None] * self.world if self.first else None
        with together():
            dist.gather_object(mine, several, group=self.control)
        return several or []

    def wait(self) -> None:
        """Returns when all processes have called it."""
        if self.control is not None:
            with together():
                dist.barrier(group=self.control)

    def stop(self) -> None:
        """Ends the process group, if this object started it."""
        if self.started_here and dist.is_initialized():
            dist.destroy_process_group()


def backends(device: torch.device) -> str:
    """The backends of torch.distributed. The CPU always has one: models are broadcast before they move to a GPU."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
