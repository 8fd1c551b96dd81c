"""Which device is used, what it computes fast, and functions recorded on it as CUDA graphs."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from advloss.core.errors import InputError

Made = TypeVar("Made")


def native_bf16() -> bool:
    """Whether this CPU has instructions for bf16 (avx512_bf16 or amx). Without them bf16 is far slower than float32."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check is not None and check() for check in checks)


def fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than float32 there: on CPUs with instructions for it and NVIDIA GPUs from Ampere on."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and native_bf16()


class Recording(Generic[Made]):
    """A function of tensors, recorded once as a CUDA graph. A call runs its kernels without work in Python or torch.

        fast = Recording(function, [x])
        y = fast(x2)                 # of the shape and type of x

    function: it must not wait for the device, and must not branch on the values of a tensor. What it reads besides its
        inputs (weights, buffers) must stay at its place in memory. Its Python runs during the recording and never
        again; its kernels run at each call, and not during the recording.
    warm_up: how many real calls come before the recording. In these, libraries choose their algorithms.
    pool: the `pool` of another recording, to share its memory. The two must then run one after the other.

    A result lies in the recording's memory. It is valid until the next call of a recording that shares this memory.
    """

    def __init__(
        self, function: Callable[..., Made], inputs: Sequence[Tensor], *, warm_up: int = 0, pool: Any = None
    ) -> None:
        device = inputs[0].device
        self.inputs = [x.clone() for x in inputs]
        self.graph = torch.cuda.CUDAGraph()
        side_stream = torch.cuda.Stream(device)
        side_stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side_stream):
            for _ in range(warm_up):
                function(*self.inputs)
        torch.cuda.current_stream(device).wait_stream(side_stream)
        # stream: torch's default for graphs is a stream of the first device. thread_local: other threads may use the
        # device meanwhile (to read data, to write files), and their work is not recorded
        with torch.cuda.graph(self.graph, pool=pool, stream=side_stream, capture_error_mode="thread_local"):
            self.made = function(*self.inputs)

    @property
    def pool(self) -> Any:
        """The memory of this recording, which another one may share."""
        return self.graph.pool()

    def __call__(self, *inputs: Tensor) -> Made:
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given, non_blocking=True)
        self.graph.replay()
        return self.made


def choose_device(name: str | None, local_rank: int = 0) -> torch.device:
    """The device with this name, `cpu` or `cuda`; None: `cuda` where there is one, else `cpu`.

    local_rank: the number of this process on its machine, from 0, which is also the number of its GPU.
    Raises InputError for another name and for a device that the machine does not have.
    """
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
