"""A tokenizer's fingerprint: a hash of all that decides what its tokens mean.

A network's class names what has an effect in training only: `training_only`, parameters of its constructor, and
`training_only_tensors`, the last parts of names in its state dict. These are not hashed.
"""

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any

from torch import nn

from advloss.methods.base import Method
from advloss.recipe.components import NETWORKS
from advloss.recipe.schema import Recipe

SHOWN = 12
"""How many hexadecimal digits of a fingerprint messages show."""


def fingerprint(method: Method, recipe: Recipe) -> str:
    """SHA-256, in hexadecimal, over a method's weights in float32 and the parameters of its networks.

    Two models with the same fingerprint make the same tokens, and the same pictures of them. Losses, data, optimizer
    and `training_only` are not hashed. Parameters with their default value are not hashed either, so that a parameter
    that a later version adds does not change the fingerprint.
    """
    networks = {key: [c.name, _shaping(NETWORKS[key][c.name], c.parameters)] for key, c in recipe.networks.items()}
    digest = hashlib.sha256(json.dumps([recipe.method.name, networks], sort_keys=True).encode())
    learning = _training_only(method)
    for name, tensor in sorted(method.state_dict().items()):
        if name in learning:
            continue
        values = tensor.detach().float().cpu().contiguous().numpy()
        digest.update(f"\n{name} {list(values.shape)}\n".encode())
        digest.update(values.astype("<f4", copy=False).data)
    return digest.hexdigest()


def _training_only(method: Method) -> set[str]:
    """The full names of the tensors of a state dict that have an effect in training only."""
    found: set[str] = set()
    for prefix, module in method.named_modules():
        last_names: frozenset[str] = getattr(type(module), "training_only_tensors", frozenset())
        if last_names:
            names = module.state_dict(prefix=f"{prefix}." if prefix else "")
            found |= {name for name in names if name.rpartition(".")[2] in last_names}
    return found


def _shaping(network: Callable[..., nn.Module], parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that decide what a network computes at inference, as JSON values."""
    known = inspect.signature(network).parameters
    defaults = {parameter: json.dumps(known[parameter].default, default=repr) for parameter in known}
    learning: frozenset[str] = getattr(network, "training_only", frozenset())
    shaping = {parameter: value for parameter, value in parameters.items() if parameter not in learning}
    return {parameter: value for parameter, value in shaping.items() if json.dumps(value) != defaults.get(parameter)}
