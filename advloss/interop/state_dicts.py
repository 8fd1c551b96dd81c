"""Another project's weights under our keys, checked against the network that they are for."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError

State = Mapping[str, Tensor]
Component = dict[str, Any]
Result = tuple[Component, dict[str, Tensor]]


def plain(state: State) -> dict[str, Tensor]:
    """The state without DataParallel's prefix, when all is tensors."""
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise InputError(
                f"'{key}' is of type {type(value).__name__}, not a tensor: this is no network's state dict"
            )
    while state and all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return dict(state)


def kernel(state: State, key: str, network: str, project: str) -> Tensor:
    """The weight of a convolution that says how wide the network is; InputError where there is none."""
    if key not in state or state[key].dim() != 4:
        raise unlike(state, f"{network} ({key})", project)
    return state[key]


def unlike(state: State, wanted: str, project: str) -> InputError:
    """The error for a state that is not the wanted network's of that project."""
    first = ", ".join(sorted(state)[:4])
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
