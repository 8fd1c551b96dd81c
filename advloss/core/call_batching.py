"""Whether calls of a network can be one (floor 0)."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrize import is_parametrized


def can_batch_calls(network: nn.Module) -> bool:
    """Whether two calls can be one on the joined batch: it is can_repeat_call, and treats each sample by itself.

    Batch norm does not, nor does a layer with a true attribute `mixes_samples`.
    """
    mixing = (isinstance(module, _BatchNorm) or getattr(module, "mixes_samples", False) for module in network.modules())
    return can_repeat_call(network) and not any(mixing)


def can_repeat_call(network: nn.Module) -> bool:
    """Whether a second call on the same batch would give the same again, so that one can serve for both.

    Dropout draws anew, and spectral norm moves its vectors at each call. A module that is neither torch's nor ours
    may do anything, so it is called as often as it is written. Running statistics of batch norm, which training does
    not use, see the batch once instead of twice.
    """
    return not any(_draws(module) or is_parametrized(module) or _foreign(module) for module in network.modules())


def compiled(network: nn.Module) -> bool:
    """Whether the network, or a part of it, is compiled, by `torch.compile` or its own `compile`."""
    return any(hasattr(m, "_orig_mod") or m._compiled_call_impl is not None for m in network.modules())


def _draws(module: nn.Module) -> bool:
    return (isinstance(module, _DropoutNd) and module.p > 0) or getattr(module, "draws", False)


def _foreign(module: nn.Module) -> bool:
    return type(module).__module__.partition(".")[0] not in ("torch", "advloss")
