"""Whose tokens are they: a fingerprint of all that decides what a tokenizer's tokens mean."""

import hashlib
import inspect
import json
from typing import Any

from advloss.methods.base import Method
from advloss.recipe.components import NETWORKS
from advloss.recipe.schema import Recipe

LEARNING = {
    *("dropout", "beta", "legacy", "ema", "decay", "kmeans", "revive", "temperature", "entropy", "diversity"),
    *("together", "kl"),
}
"""Parameters of encoders, bottlenecks and decoders that count in training only."""
LEARNT_WITH = ("counts", "sums", "share", "started")
"""Last names of a codebook's tensors that count in training only."""
SHOWN = 12
"""Hexadecimal digits that a message shows of a fingerprint."""


def fingerprint(method: Method, recipe: Recipe) -> str:
    """SHA-256, in hexadecimal, over a method's weights in float32 and what else its networks are.

    Two models with the same fingerprint make the same tokens and the same pictures of them. What counts in training
    only is left out: losses, data, optimizer, and such parameters of the networks. Parameters that have their default
    are left out too, so that one which a later version adds changes no fingerprint.
    """
    networks = {key: [c.name, _shaping(key, c.name, c.parameters)] for key, c in recipe.networks.items()}
    digest = hashlib.sha256(json.dumps([recipe.method.name, networks], sort_keys=True).encode())
    for name, tensor in sorted(method.state_dict().items()):
        if name.rpartition(".")[2] in LEARNT_WITH:
            continue
        values = tensor.detach().float().cpu().contiguous().numpy()
        digest.update(f"\n{name} {list(values.shape)}\n".encode())
        digest.update(values.astype("<f4", copy=False).data)
    return digest.hexdigest()


def _shaping(key: str, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that decide what the network computes in use, as JSON values."""
    known = inspect.signature(NETWORKS[key][name]).parameters
    defaults = {parameter: json.dumps(known[parameter].default, default=repr) for parameter in known}
    shaping = {parameter: value for parameter, value in parameters.items() if parameter not in LEARNING}
    return {parameter: value for parameter, value in shaping.items() if json.dumps(value) != defaults.get(parameter)}
