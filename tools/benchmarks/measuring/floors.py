"""A measured time beside the least time that the device's measured peaks allow."""

from dataclasses import dataclass
from typing import Any

import torch

from tools.benchmarks.measuring import measure
from tools.benchmarks.measuring.counting import Work


@dataclass(frozen=True)
class Peaks:
    """The device's peaks in one precision: of a large matrix product and of a large copy."""

    flops_per_second: float
    bytes_per_second: float


def peaks(device: torch.device, precision: str) -> Peaks:
    """Measures the peaks now."""
    return Peaks(measure.peak_flops(device, precision), measure.peak_bytes(device))


def standing(seconds: float, work: Work, least_bytes: int, most: Peaks) -> dict[str, Any]:
    """How a time compares with two floors.

    floor: no implementation is faster: all FLOPs at the peak, or all bytes that must move (`least_bytes`), whichever
    takes longer. eager floor: each of our operations by itself at the peak, see `Work.seconds`.
    """
    floor = max(work.flops / most.flops_per_second, least_bytes / most.bytes_per_second)
    eager = work.seconds(most.flops_per_second, most.bytes_per_second)
    return {
        "flops": work.flops,
        "least_bytes": least_bytes,
        "operations": len(work.operations),
        "bytes_of_operations": work.bytes,
        "peak_flops_per_second": most.flops_per_second,
        "peak_bytes_per_second": most.bytes_per_second,
        "floor_seconds": floor,
        "ratio_to_floor": seconds / floor,
        "eager_floor_seconds": eager,
        "ratio_to_eager_floor": seconds / eager,
    }


def timing(times: list[float], images: int) -> dict[str, Any]:
    """Seconds a call, and images/s at the median; images: of one call."""
    spread = measure.spread(times)
    return {"seconds": spread, "images_per_second": images / spread["median"]}


def memory(device: torch.device) -> dict[str, Any]:
    """The peak since `measure.reset_peak`."""
    meaning = "of tensors on the device" if device.type == "cuda" else "resident in the process"
    return {"peak_memory_bytes": measure.peak_memory(device), "peak_memory_is": meaning}
