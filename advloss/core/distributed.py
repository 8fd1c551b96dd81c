"""Training in several processes: gradients are averaged by calls in the loop, with no wrapper around the networks.

In a single process these functions do nothing, so the same loop serves for both. torchrun starts several processes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from advloss.core.errors import TrainingError

T = TypeVar("T", bound=Tensor)


@contextmanager
def together() -> Iterator[None]:
    """What all processes do at one point. Raises TrainingError if another process has ended meanwhile."""
    try:
        yield
    except RuntimeError as error:  # gloo's and NCCL's, of a connection that is closed
        raise TrainingError(
            "another process of this training has ended, its own message or torchrun's says why; --resume goes on from "
            "the last checkpoint"
        ) from error


def _running() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if _running() else 0


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if _running() else 1


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces each gradient by its mean over the processes, with one all-reduce for each dtype and device.

    Call it in every process, between backward and step, with the same parameters in the same order. Every parameter
    that requires a gradient takes part and has a gradient afterwards; where a process has none, it counts as zero.
    """
    if world_size() == 1:
        return
    for group in _alike(parameter for parameter in parameters if parameter.requires_grad):
        for parameter in group:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in group if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with together():
            dist.all_reduce(flat)
        _unflatten(flat.div_(world_size()), gradients)


@torch.no_grad()
def average(x: Tensor) -> Tensor:
    """The mean of a tensor over the processes, without gradient; in a single process the tensor itself."""
    if world_size() == 1:
        return x.detach()
    total = x.detach().clone()
    with together():
        dist.all_reduce(total)
    return total / world_size()


def average_through(x: Tensor) -> Tensor:
    """The mean of a tensor over the processes, with gradient; in a single process the tensor itself.

    Its gradient is that of the mean of all processes' losses, as `average_gradients` leaves it. Every process must call
    it, and then its backward, at the same point.
    """
    mean: Tensor = x if world_size() == 1 else _Mean.apply(x)
    return mean


class _Mean(torch.autograd.Function):
    """`average`, whose gradient is the mean of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return average(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return average(gradients[0])


@torch.no_grad()
def total(x: Tensor) -> Tensor:
    """The sum of a tensor over the processes, without gradient; in a single process the tensor itself."""
    if world_size() == 1:
        return x.detach()
    summed = x.detach().clone()
    with together():
        dist.all_reduce(summed)
    return summed


@torch.no_grad()
def of_first(x: Tensor) -> Tensor:
    """The tensor of process 0, in every process. x: this process's tensor, of the same shape and type.

    On the meta device, which has no numbers, it is the tensor itself.
    """
    if world_size() == 1 or x.is_meta:
        return x.detach()
    told = x.detach().clone()
    with together():
        dist.broadcast(told, src=0)
    return told


@torch.no_grad()
def broadcast(module: nn.Module) -> None:
    """Gives the parameters and buffers of process 0 to every process. Call it once, before training."""
    if world_size() == 1:
        return
    for group in _alike([*module.parameters(), *module.buffers()]):
        flat = torch.cat([tensor.flatten() for tensor in group])
        with together():
            dist.broadcast(flat, src=0)
        _unflatten(flat, group)


def _alike(tensors: Iterable[T]) -> Iterable[list[T]]:
    """Groups of tensors with one dtype and device, which fit into one buffer."""
    groups: dict[tuple[torch.dtype, torch.device], list[T]] = defaultdict(list)
    for tensor in tensors:
        groups[tensor.dtype, tensor.device].append(tensor)
    return groups.values()


def _unflatten(flat: Tensor, tensors: Iterable[Tensor]) -> None:
    tensors = list(tensors)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))
