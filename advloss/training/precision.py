"""The precision of a training iteration: the recipe's `train.precision` on a device."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from advloss.core.devices import fast_bf16
from advloss.core.errors import InputError

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """fp32, tf32, bf16, fp16 or fp64; `auto` is bf16 on a device that computes it fast, else fp32.

    bf16 and fp16 are autocast's: weights, losses, penalties and quantizers stay in float32. With tf32 a GPU rounds the
    inputs of float32 convolutions and matrix products to 10 bits of mantissa. With bf16 and fp16 it does the same to
    operations that stay in float32. With fp32 it rounds no inputs.

    Raises InputError for tf32 on a CPU.
    """

    def __init__(self, asked: str, device: torch.device) -> None:
        if asked == "tf32" and device.type != "cuda":
            raise InputError(f"train.precision: tf32 is a GPU's, and this runs on {device}; use auto or fp32")
        self.name = ("bf16" if fast_bf16(device) else "fp32") if asked == "auto" else asked
        self.device = device
        self.dtype = AUTOCAST.get(self.name)
        """The type that autocast computes in, or None."""
        self.tensor_cores = device.type == "cuda" and self.name in ("tf32", "bf16", "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which networks compute in `dtype`."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """A context in which a GPU computes float32 as this precision says, and cuDNN searches for fast algorithms."""
        if self.device.type != "cuda":
            yield
            return
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        before = cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark
        cudnn.allow_tf32 = matmul.allow_tf32 = self.tensor_cores
        # the search may choose differently in each process, so runs that must end with the same bytes don't search
        cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
        try:
            yield
        finally:
            cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark = before
