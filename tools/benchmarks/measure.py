"""Times, floating-point operations, memory, and what the device can do at most."""

import itertools
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from advloss.errors import InputError

Action = Callable[[], object]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def chosen_device(name: str) -> torch.device:
    """`cpu` or `cuda`; InputError where there is no CUDA device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA device here")
    return torch.device(name)


def seconds(action: Action, device: torch.device, repeats: int) -> list[float]:
    """What each of `repeats` calls takes. On CUDA by events, so that the calls queue up as they do in training."""
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


def alternating(first: Action, second: Action, device: torch.device, pairs: int) -> tuple[list[float], list[float]]:
    """What each call takes, taken in turn (first, second, first, ...), so that a drift meets both alike."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for action, times in zip((first, second), taken, strict=True):
            times += seconds(action, device, 1)
    return taken


def spread(values: list[float]) -> dict[str, float]:
    """Median, quartiles and count."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median, "lower_quartile": lower, "upper_quartile": upper, "count": len(values)}


def flops(action: Action) -> int:
    """Floating-point operations of one call, a multiply-add being two: convolutions and matrix products, the backward
    pass's too. Norms, activations and optimizers count nothing."""
    with FlopCounterMode(display=False) as counter:
        action()
    return int(counter.get_total_flops())


def peak_memory(device: torch.device) -> int:
    """In bytes. CUDA: the most that tensors took; CPU: the most that the process has ever had resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_flops(device: torch.device, precision: str, repeats: int = 10) -> float:
    """Operations a second of a large matrix product in that precision, the best of `repeats`.

    On CUDA float32 means for it what it means for convolutions: TF32 where cuDNN may use that.
    """
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=DTYPES[precision]) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        seconds(lambda: a @ b, device, 3)
        return 2 * side**3 / min(seconds(lambda: a @ b, device, repeats))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


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
