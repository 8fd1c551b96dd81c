"""bf16 arithmetic on a processor without instructions for it, where PyTorch's own takes a hundred times as long."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

aten = torch.ops.aten
PRODUCTS = {
    aten.convolution,
    aten.convolution_backward,
    aten.mm,
    aten.addmm,
    aten.bmm,
    aten.baddbmm,
}


class EmulatedBF16(TorchDispatchMode):
    """Within it convolutions and matrix products of bf16 tensors are computed in float32, and what they give is rounded
    to bf16.

    That is what bf16 hardware does: a product of two bf16 numbers is exact in float32, in which sums are kept. Only the
    order of the sums may differ. All else that is bf16 is left to PyTorch, which is fast at it everywhere.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket not in PRODUCTS or not any(_is_bf16(x) for x in args):
            return func(*args, **kwargs)
        made = func(*tree_map(_to_float32, args), **tree_map(_to_float32, kwargs))
        return tree_map(_to_bf16, made)


def _is_bf16(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype == torch.bfloat16


def _to_float32(x: Any) -> Any:
    return x.float() if _is_bf16(x) else x


def _to_bf16(x: Any) -> Any:
    return x.to(torch.bfloat16) if isinstance(x, Tensor) and x.dtype == torch.float32 else x
