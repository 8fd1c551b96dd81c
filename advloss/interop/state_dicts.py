"""Another project's weights under our keys, checked against the network that they are for."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError

State = Mapping[str, Tensor]
Component = dict[str, Any]
Result = tuple[Component, dict[str, Tensor]]
HOLDERS = (
    *("params_ema", "params", "ema", "g_ema", "model", "state_dict", "model_state_dict", "weights"),
    *("generator", "netG", "net_g", "netG_A", "G"),
)
"""The keys under which projects and trainers keep a network in a checkpoint; the averaged weights come first."""
GENERATORS = ("netG.", "net_g.", "generator.", "netG_A.", "G.")
WRAPPERS = ("module.", "_orig_mod.", *GENERATORS)
"""Prefixes of all keys that are taken off."""
LEVELS = 4
SHOWN = 6
"""How many of a file's keys messages show."""


def plain(file: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of one network, by name: of a state dict, or of a checkpoint that holds one.

    What projects and trainers wrap around it is taken off: the mappings of `HOLDERS`, the prefixes of DataParallel and
    torch.compile, and the prefix of a generator beside other networks. Raises InputError, which says what the file
    holds, for what is no network's state dict, and for tensors that are not as large as they say.
    """
    state = _held(file)
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise InputError(
                f"'{_short(key)}' is of type {type(value).__name__}, not a tensor: this is no network's state dict; "
                f"the file holds {described(file)}"
            )
        if value.is_meta or value.layout is not torch.strided or value.is_quantized or _spread(value):
            raise InputError(f"'{_short(key)}' is no plain tensor with all of its values in the file")
    while state and (prefix := next((one for one in WRAPPERS if all(key.startswith(one) for key in state)), None)):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return dict(state)


def described(file: Mapping[Any, Any]) -> str:
    """What a file holds at its first level: `generator (88 values), epoch (int)`."""

    def kind(value: Any) -> str:
        if isinstance(value, Tensor):
            return f"tensor {list(value.shape)}"
        return f"{len(value)} values" if isinstance(value, Mapping) else type(value).__name__

    shown = [f"{_short(key)} ({kind(value)})" for key, value in list(file.items())[:SHOWN]]
    more = f" and {len(file) - SHOWN} more" if len(file) > SHOWN else ""
    return ", ".join(shown) + more if shown else "nothing"


def _held(file: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping within a checkpoint that holds the network, without the prefix of a generator."""
    state: Any = file
    for _ in range(LEVELS):
        _check_names(state)
        inner = next((state[name] for name in HOLDERS if isinstance(state.get(name), Mapping) and state[name]), None)
        if inner is None:
            break
        state = inner
    _check_names(state)
    found = [prefix for prefix in GENERATORS if any(key.startswith(prefix) for key in state)]
    return {key: value for key, value in state.items() if key.startswith(found[0])} if len(found) == 1 else state


def _check_names(state: Any) -> None:
    if not isinstance(state, Mapping):
        raise InputError(f"the file holds a {type(state).__name__}, not a network's state dict")
    if wrong := [key for key in state if not isinstance(key, str)]:
        raise InputError(f"a key is of type {type(wrong[0]).__name__}, not a name: this is no network's state dict")


def _spread(tensor: Tensor) -> bool:
    """Whether a tensor has more elements than the memory it shows: a file of 1 kB could fill any memory."""
    return tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes()


def _short(key: Any) -> str:
    text = str(key)
    return (text if text.isprintable() else ascii(text)[1:-1])[:80]


def kernel(state: State, key: str, network: str, project: str) -> Tensor:
    """The weight of a convolution that says how wide the network is; InputError where there is none."""
    if key not in state or state[key].dim() != 4:
        raise unlike(state, f"{network} ({key})", project)
    return state[key]


def unlike(state: State, wanted: str, project: str) -> InputError:
    """The error for a state that is not the wanted network's of that project."""
    first = ", ".join(map(_short, sorted(state)[:4]))
    held = f"{first} ({len(state)} tensors)" if first else "nothing"
    return InputError(f"expected {wanted} of {project}; the file holds {held}")


def renamed(
    state: State, names: dict[str, str], network: Callable[..., nn.Module], component: Component
) -> dict[str, Tensor]:
    """The state under the keys of the network that the component describes, checked against it.

    names: their layer to ours (`model.1` to `first.conv`), or a single tensor's whole key to ours.
    A batch counter that older files lack is 0; the statistics of old instance norms are dropped (see `_stale`).
    Raises InputError that names missing, unexpected and wrongly shaped tensors.
    """
    with torch.device("meta"):
        wanted = network(**{key: value for key, value in component.items() if key != "name"}).state_dict()
    theirs = {ours: layer for layer, ours in names.items()}
    left = dict(state)
    renamed, missing, misshapen = {}, [], []
    for key, like in wanted.items():
        layer, _, leaf = key.rpartition(".")
        source = theirs.get(key) or f"{theirs[layer]}.{leaf}"
        if source in left:
            renamed[key] = left.pop(source)
            if renamed[key].shape != like.shape:
                misshapen.append(f"{source} (is {list(renamed[key].shape)}, must be {list(like.shape)})")
        elif leaf == "num_batches_tracked":
            renamed[key] = torch.zeros((), dtype=torch.long)
        else:
            missing.append(source)
    unexpected = [key for key in left if not _stale(key, left, names)]
    lists = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
    wrong = "; ".join(f"{what}: {', '.join(sorted(keys))}" for what, keys in lists if keys)
    if wrong:
        raise InputError(f"the weights are not those of {component}: {wrong}")
    return renamed


def _stale(key: str, state: State, names: dict[str, str]) -> bool:
    """Whether it is a statistic of an instance norm without a scale, which torch kept before 0.4 and nothing used."""
    layer, leaf = key.rsplit(".", 1) if "." in key else ("", key)
    statistic = leaf in ("running_mean", "running_var", "num_batches_tracked")
    return statistic and names.get(layer, "").rpartition(".")[2].startswith("norm") and f"{layer}.weight" not in state
