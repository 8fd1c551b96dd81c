"""Freezes parts of a recipe's networks: `train.freeze`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.words import some
from advloss.methods.base import keep_frozen
from advloss.recipe.terms import Term

Named = Sequence[tuple[str, nn.Module, Tensor]]
"""Each tensor of the networks by its whole name, with the module that owns it."""
SHOWN = 12


def freeze(patterns: Sequence[str], method: nn.Module, terms: Mapping[str, Term]) -> dict[str, int]:
    """Freezes what the patterns name: parameters get no gradient, and modules whose tensors are all named stay in eval
    mode, so that running statistics, vectors of spectral norm and counts of codes stay as they are. Noise and dropout
    go on.

    patterns: names of networks (`g_ab`, `encoder`, `losses.adversarial`) or of what is in them (`encoder.first`,
    `losses.adversarial.discriminator.body.0.conv.weight`), in which * stands for any characters. Gives the number of
    frozen parameters by network. Raises InputError for a pattern that names neither a parameter that would be trained
    nor a whole layer.
    """
    known = [*_named(method, terms)]
    found: set[int] = set()
    for position, pattern in enumerate(patterns):
        named = [(owner, x) for name, owner, x in known if any(fnmatchcase(part, pattern) for part in _parts(name))]
        ids = {id(tensor) for _, tensor in named}
        if not any(tensor.requires_grad or _whole(module, ids) for module, tensor in named):
            raise InputError(f"train.freeze.{position}: '{pattern}' names nothing that is trained; {_names(known)}")
        found |= ids
    counts: dict[str, int] = {}
    for name, module, tensor in known:
        if id(tensor) in found:
            trained = tensor.numel() if tensor.requires_grad else 0  # a codebook of running averages has none
            counts[network_of(name)] = counts.get(network_of(name), 0) + trained
            module.frozen = _whole(module, found)  # type: ignore[assignment]
    for _, _, tensor in known:
        if id(tensor) in found:
            tensor.requires_grad_(False)
    keep_frozen(method)
    for term in terms.values():
        keep_frozen(term)
    return counts


def network_of(name: str) -> str:
    """The network in a tensor's whole name, as the plan names it: `g_ab`, `losses.adversarial`."""
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "losses" else parts[:1])


def _named(method: nn.Module, terms: Mapping[str, Term]) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """The tensors of the method's networks, and of the networks of terms."""
    for name, network in method.named_children():
        yield from _tensors(name, network)
    for name, term in terms.items():
        networks = term.networks
        for place, part in term.named_modules():
            if any(part is network for network in networks):
                yield from _tensors(f"losses.{name}.{place.removeprefix('loss.')}", part)


def _tensors(name: str, network: nn.Module) -> Iterator[tuple[str, nn.Module, Tensor]]:
    for place, module in network.named_modules(prefix=name):
        for own, tensor in _own(module).items():
            yield f"{place}.{own}", module, tensor


def _own(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that a module has itself, as a state dict has them."""
    buffers = {
        key: x for key, x in module.named_buffers(recurse=False) if key not in module._non_persistent_buffers_set
    }
    return {**dict(module.named_parameters(recurse=False)), **buffers}


def _whole(module: nn.Module, found: Collection[int]) -> bool:
    """Whether all tensors that a module has itself are among these."""
    return all(id(tensor) in found for tensor in _own(module).values())


def _parts(name: str) -> Iterator[str]:
    """`g_ab`, `g_ab.first`, `g_ab.first.conv`, ...: what a pattern may name to name the tensor."""
    words = name.split(".")
    return (".".join(words[:count]) for count in range(1, len(words) + 1))


def _names(known: Named) -> str:
    """The sentence that says which names there are."""
    trained: Collection[str] = [name for name, _, tensor in known if tensor.requires_grad]
    networks = dict.fromkeys(network_of(name) for name in trained)
    inner = dict.fromkeys(
        ".".join(name.split(".")[: network_of(name).count(".") + 2]) for name in trained if name.count(".") > 1
    )
    return f"there are {', '.join(networks)}, and in them {some(inner, most=SHOWN)}"
