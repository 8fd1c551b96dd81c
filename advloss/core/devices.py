"""What a device computes fast, and functions recorded on it (floor 0)."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from advloss.core.errors import InputError

Made = TypeVar("Made")


def native_bf16() -> bool:
    """Whether this CPU has instructions for bf16 (avx512_bf16 or amx); without them it is far slower than float32."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check is not None and check() for check in checks)


def fast_bf16(device: torch.device) -> bool:
    """Whether the device computes bf16 faster than float32: CPUs with instructions for it, NVIDIA GPUs from Ampere."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and native_bf16()


class Recording(Generic[Made]):
    """A function of tensors, recorded once as a CUDA graph: a call plays its kernels without Python's or torch's work.

        fast = Recording(function, [x])
        y = fast(x2)                 # of the shape and type of x

    function: must neither wait for the device nor choose by the values of a tensor, and what it reads besides its
        inputs (weights, buffers) must stay in its place in memory. Its Python runs while it is recorded and never
        again; its kernels run at each call, and not while it is recorded.
    warm_up: how many times the function is called before, in earnest: libraries choose their algorithms then.
    pool: another recording's `pool`, whose memory this one may share if they are never played at the same time.

    A result lies in the recording's memory and is good until the next call of one that shares it.
    """

    def __init__(
        self, function: Callable[..., Made], inputs: Sequence[Tensor], *, warm_up: int = 0, pool: Any = None
    ) -> None:
        device = inputs[0].device
        self.inputs = [x.clone() for x in inputs]
        self.graph = torch.cuda.CUDAGraph()
        beside = torch.cuda.Stream(device)
        beside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(beside):
            for _ in range(warm_up):
                function(*self.inputs)
        torch.cuda.current_stream(device).wait_stream(beside)
        # a stream of this device, since torch's own is the first device's; thread_local: what other threads do with the
        # device meanwhile (reading data, writing files) is no part of it
        with torch.cuda.graph(self.graph, pool=pool, stream=beside, capture_error_mode="thread_local"):
            self.made = function(*self.inputs)

    @property
    def pool(self) -> Any:
        """The memory of this recording, to be shared."""
        return self.graph.pool()

    def __call__(self, *inputs: Tensor) -> Made:
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given, non_blocking=True)
        self.graph.replay()
        return self.made


def choose_device(name: str | None, local_rank: int = 0) -> torch.device:
    """`cuda` where there is one, else `cpu`, unless `name` says which. InputError for one that is not there."""
    if name not in (None, "cpu", "cuda"):
        raise InputError(f"--device {name}: is cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA device; leave --device out, or install a CUDA build")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise InputError(
            f"process {local_rank + 1} on this machine has no GPU of its own: it has {torch.cuda.device_count()}"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device
