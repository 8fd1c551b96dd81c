"""How much of an iteration a GPU waits for its next kernel."""

from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from tools.benchmarks.measuring.measure import Action


def launch_gaps(play: Action, device: torch.device, seconds: float, iterations: int = 5) -> dict[str, Any] | None:
    """The part of an iteration in which no kernel runs; None on a CPU.

    seconds: of an iteration without the profiler, which makes launches slower, but not kernels.
    """
    if device.type != "cuda":
        return None
    torch.cuda.synchronize(device)
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        for _ in range(iterations):
            play()
        torch.cuda.synchronize(device)
    ranges = [event.time_range for event in recorded.events() if event.device_type == DeviceType.CUDA]
    busy = covered([(each.start, each.end) for each in ranges]) / 1e6 / iterations  # from microseconds
    return {"busy_seconds": busy, "kernels": len(ranges) // iterations, "share_of_gaps": max(0.0, 1 - busy / seconds)}


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of the spans (start, end): kernels of two streams may overlap."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
