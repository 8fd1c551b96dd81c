"""Times, memory, and the device's peaks."""

import contextlib
import ctypes
import itertools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch.nn.functional import conv2d

from advloss.core.errors import InputError
from advloss.training.precision import Precision

Action = Callable[[], object]
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("auto", *DTYPES)


@runtime_checkable
class Timed(Protocol):
    """An action that times itself."""

    def seconds(self, repeats: int) -> list[float]:
        """The seconds of each of `repeats` calls."""


def chosen_device(name: str) -> torch.device:
    """`cpu` or `cuda`; InputError where there is no CUDA device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA device here")
    return torch.device(name)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds(action: Action | Timed, device: torch.device, repeats: int) -> list[float]:
    """The seconds of each of `repeats` calls. On CUDA by events, so that the calls queue up as in training."""
    if isinstance(action, Timed):
        return action.seconds(repeats)
    if device.type != "cuda":
        return [_wall(action) for _ in range(repeats)]
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
    torch.cuda.synchronize(device)
    marks[0].record()
    for mark in marks[1:]:
        action()
        mark.record()
    torch.cuda.synchronize(device)
    return [start.elapsed_time(end) / 1e3 for start, end in itertools.pairwise(marks)]


def alternating(
    first: Action | Timed, second: Action | Timed, device: torch.device, pairs: int, each: int = 1
) -> tuple[list[float], list[float]]:
    """Seconds of both actions in alternation (first, second, first, ...), so that a drift changes both alike.

    each: calls in a row, of which the mean is taken; on CUDA they queue up.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for action, times in zip((first, second), taken, strict=True):
            times.append(statistics.fmean(seconds(action, device, each)))
    return taken


def spread(values: list[float]) -> dict[str, float]:
    """Median, quartiles and count."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median, "lower_quartile": lower, "upper_quartile": upper, "count": len(values)}


def reset_peak(device: torch.device) -> None:
    """Starts `peak_memory` anew, where the system can do that (CUDA, Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps freed memory
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory(device: torch.device) -> int:
    """Bytes since `reset_peak`. CUDA: the largest sum of tensors; CPU: the largest resident memory of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_flops(device: torch.device, precision: str, repeats: int = 10) -> float:
    """Operations a second of a large matrix product in this precision, the best of `repeats`.

    fp32 is without TF32, tf32 is float32 with it. On a CPU, a convolution is measured too, and the faster counts:
    another library computes it, in float32 twice as fast on some CPUs.
    """
    dtype = DTYPES[precision]
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    products: list[tuple[int, Action]] = [(2 * side**3, lambda: a @ b)]
    if device.type == "cpu":
        image = torch.randn(1, 256, 64, 64, dtype=dtype).contiguous(memory_format=torch.channels_last)
        weights = torch.randn(256, 256, 3, 3, dtype=dtype)
        products.append((2 * 9 * image.numel() * 256, lambda: conv2d(image, weights, padding=1)))
    with Precision(precision, device).settings(), torch.no_grad():
        return max(flops / min(seconds(product, device, 3 + repeats)[3:]) for flops, product in products)


def peak_bytes(device: torch.device, repeats: int = 10) -> float:
    """Bytes a second, read and written, of a large copy on the device, the best of `repeats`."""
    count = 2**30 if device.type == "cuda" else 2**26
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds(lambda: target.copy_(source), device, 3)
    return 2 * count / min(seconds(lambda: target.copy_(source), device, repeats))


def _wall(action: Action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
