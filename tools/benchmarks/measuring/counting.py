"""Floating-point operations and bytes of an algorithm, operation by operation, as PyTorch runs it without fusing."""

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
    """What an algorithm does: (floating-point operations, bytes) of each of its operations.

    A multiply-add is two operations. Those of convolutions, matrix products and attention count, as
    torch.utils.flop_counter counts them; those of norms, activations and optimizers don't. Bytes are those of the
    tensors that an operation reads and writes: what it would move if nothing stayed in a cache.
    """

    operations: tuple[tuple[int, int], ...]

    @property
    def flops(self) -> int:
        return sum(flops for flops, _ in self.operations)

    @property
    def bytes(self) -> int:
        return sum(moved for _, moved in self.operations)

    def seconds(self, flops_per_second: float, bytes_per_second: float) -> float:
        """If each operation took the longer of its arithmetic and its traffic, both at the peak, one after the other.

        Fused operations can be faster.
        """
        return sum(max(flops / flops_per_second, moved / bytes_per_second) for flops, moved in self.operations)


def counted(action: Action) -> Work:
    """The work of one call. What a CUDA graph replays or torch.compile has fused does not show: count without."""
    with _Counter() as counter:
        action()
    return Work(tuple(counter.operations))


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[int, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket not in flop_registry:  # in inference mode composite operations come here whole
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
    """Of the tensors in a tree of lists and dicts; an expanded tensor counts what it has in memory."""
    tensors = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return sum(min(tensor.nbytes, tensor.untyped_storage().nbytes()) for tensor in tensors)


def step_bytes(players: Iterable[Player], averaged: nn.Module | None = None) -> int:
    """What the optimizers' steps of one round must move, however they are fused: parameters and what the optimizer
    keeps for each are read and written, gradients are read. Call it after a step.

    averaged: a moving average of the generator, if there is one: it is read and written, and the generator read.
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
    """What a pass through the network must read at least, besides images."""
    return sum(parameter.nbytes for parameter in network.parameters())
