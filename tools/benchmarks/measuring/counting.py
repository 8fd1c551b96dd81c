"""Floating-point operations and bytes of each operation that PyTorch runs, without fusion."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from advloss.training.player import Player
from tools.benchmarks.measuring.measure import Action


@dataclass(frozen=True)
class Work:
    """The work of an algorithm: (floating-point operations, bytes) of each operation.

    A multiply-add is two floating-point operations. Convolutions, matrix products and attention count, in the way of
    torch.utils.flop_counter; norms, activations and optimizers don't. Bytes are those of the tensors that an operation
    reads and writes: what it would move if nothing stayed in a cache.
    """

    operations: tuple[tuple[int, int], ...]

    @property
    def flops(self) -> int:
        return sum(flops for flops, _ in self.operations)

    @property
    def bytes(self) -> int:
        return sum(moved for _, moved in self.operations)

    def seconds(self, flops_per_second: float, bytes_per_second: float) -> float:
        """The sum over the operations of the longer of arithmetic and traffic, both at the peak.

        Fused operations can be faster.
        """
        return sum(max(flops / flops_per_second, moved / bytes_per_second) for flops, moved in self.operations)


def counted(action: Action) -> Work:
    """The work of one call, without CUDA graphs and torch.compile: their operations can't be seen."""
    with _Counter() as counter:
        action()
    return Work(tuple(counter.operations))


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[int, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket not in flop_registry:  # in inference mode composite operations come as one
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        made = func(*args, **kwargs)
        moved = _moved(func, args, kwargs, made)
        count = flop_registry.get(func._overloadpacket)
        flops = 0 if count is None else int(count(*args, **kwargs, out_val=made))
        if flops or moved:
            self.operations.append((flops, moved))
        return made


def _moved(func: Any, args: Any, kwargs: Any, made: Any) -> int:
    """Bytes read and written: all inputs, the new outputs, and the inputs that change."""
    if func.is_view or "empty" in func._overloadpacket.__name__:
        return 0
    schema = func._schema
    given = dict(zip((argument.name for argument in schema.arguments), args, strict=False)) | kwargs
    changed = [given.get(argument.name) for argument in schema.arguments if _writes(argument)]
    new = [] if any(_writes(result) for result in schema.returns) else made
    return _bytes([args, kwargs]) + _bytes(changed) + _bytes(new)


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and bool(argument.alias_info.is_write)


def _bytes(tree: Any) -> int:
    """The bytes of the tensors in a tree of lists and dicts; of an expanded tensor, those in memory."""
    tensors = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return sum(min(tensor.nbytes, tensor.untyped_storage().nbytes()) for tensor in tensors)


def step_bytes(players: Iterable[Player], averaged: nn.Module | None = None) -> int:
    """What the optimizers' steps of one iteration must move, however they are fused: parameters and what the optimizer
    keeps for each are read and written, gradients are read. Call it after a step.

    averaged: the moving average of the generator, if there is one: it is read and written, and the generator is read.
    """
    moved = 0
    for player in players:
        for parameter in player.parameters:
            state = player.optimizer.state.get(parameter, {})
            kept = [x for x in state.values() if isinstance(x, Tensor) and x.shape == parameter.shape]
            moved += 3 * parameter.nbytes + 2 * sum(x.nbytes for x in kept)
    if averaged is not None:
        moved += 3 * parameter_bytes(averaged)
    return moved


def parameter_bytes(network: nn.Module) -> int:
    """The bytes that a pass through the network reads at least, besides images."""
    return sum(parameter.nbytes for parameter in network.parameters())
