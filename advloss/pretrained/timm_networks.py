"""Networks of timm (an extra) by name, with their weights from its cache, from the hub, or from a file."""

import difflib
import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.core.errors import InputError

SEED_OF_FILES = 1_839_204
"""Of the random weights that a file replaces: one with which nobody has made a file."""
EXTRA = "timm is not installed: pip install 'advloss[timm]'"


def timm_network(name: str, pretrained: bool = True, **options: Any) -> Any:
    """The network that `timm.create_model(NAME, **options)` makes, in evaluation mode; no random number is drawn.

    name: NAME, as timm.list_models() has it, or NAME@FILE to read weights from a file (of tensors alone). pretrained:
    False leaves it random, always the same. Raises InputError: timm is not installed; it knows no such network, and
    the nearest one; weights that are not here and can't be had, with the place where they belong; a file of another
    network's weights.
    """
    try:
        import timm
    except ImportError:
        raise InputError(EXTRA) from None
    name, _, path = name.partition("@")
    _check_name(timm, name)
    if path and not Path(path).is_file():
        raise InputError(f"timm can't make '{name}': there is no file {path}")
    source = {"pretrained_cfg_overlay": {"file": path}} if path else {}
    seed = SEED_OF_FILES if path else 0
    try:
        network = _created(timm, name, seed, pretrained=pretrained, **source, **options)
    except Exception as error:  # no network, a damaged or another file: any type
        raise InputError(_why_not(timm, name, path, error)) from error
    if path and pretrained:
        _check_loaded(network, _created(timm, name, seed, pretrained=False, **options), name, path)
    return network


def _created(timm: Any, name: str, seed: int, **options: Any) -> Any:
    """Without timm's warnings of keys that a file has in addition."""
    log = logging.getLogger("timm")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return timm.create_model(name, **options).eval()
    finally:
        log.setLevel(before)


def _check_name(timm: Any, name: str) -> None:
    """Raises InputError for a network or a tag of weights that timm does not know."""
    architecture, _, tag = name.partition(".")
    known = timm.list_models() if not timm.is_model(architecture) else timm.list_pretrained(f"{architecture}.*")
    if timm.is_model(architecture) and (not tag or name in known):
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "; timm.list_models() has the names"
    raise InputError(f"timm can't make '{name}': it knows no such network{hint}")


def _why_not(timm: Any, name: str, path: str, error: Exception) -> str:
    """The sentence for weights that could not be read or had."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    why = f"timm can't make '{name}' ({lines[0]})"
    if path:
        return f"{why}; {path} must have the weights of this network under timm's names"
    hub = timm.get_pretrained_cfg(name).hf_hub_id
    if not hub:
        return f"{why}; timm has no weights of it, so say {name}@FILE for a file with them"
    from huggingface_hub.constants import HF_HUB_CACHE

    return (
        f"{why}; its weights are looked for in the cache of huggingface_hub, {HF_HUB_CACHE}, and at "
        f"https://huggingface.co/{hub}. Where there is no network, get model.safetensors from there, put it anywhere "
        f"and say {name}@FILE"
    )


def _check_loaded(network: nn.Module, fresh: nn.Module, name: str, path: str) -> None:
    """Raises InputError if a file left a matrix or kernel as it was: timm says nothing of keys that it does not find.

    fresh: the same network without the file."""
    before = fresh.state_dict()
    left = [key for key, value in network.state_dict().items() if value.ndim > 1 and torch.equal(value, before[key])]
    if left:
        raise InputError(
            f"timm can't make '{name}': {path} has no weights for {left[0]}"
            f"{f' and {len(left) - 1} more' if len(left) > 1 else ''}; it must have those of this network under "
            "timm's names"
        )
