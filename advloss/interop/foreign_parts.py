"""Other projects' generators, tokenizers and discriminators as state dicts of our networks, to start a training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop import basicsr, junyanz, taming
from advloss.interop.importing import IMPORTS
from advloss.interop.state_dicts import Result
from advloss.interop.tokenizers import tokenizer_from
from advloss.interop.upscalers import read_weights

GENERATORS = tuple(dict.fromkeys(one.read for one in IMPORTS.values()))
DISCRIMINATORS = (junyanz.discriminator_from, basicsr.discriminator_from, taming.discriminator_from)
WITHIN = "loss.discriminator."
"""What the names of a discriminator begin with in a checkpoint of taming-transformers or latent-diffusion."""
WIRED = ("in_channels", "out_channels")

Parts = tuple[dict[str, Any], dict[str, dict[str, Tensor]]]
"""What the weights tell of a network (`width`, `norm`), and state dicts by the names of a method's networks; a single
network has no name."""


def generator_of(file: Path) -> Parts:
    """A generator of a project that `advloss import` knows, or a tokenizer's encoder, bottleneck and decoder.

    Raises InputError for a file that can't be read, and for one that no reader knows.
    """
    held = read_weights(file)
    try:
        made = tokenizer_from(held)
    except InputError:
        return _first(file, held, GENERATORS, "generator")
    networks: dict[str, dict[str, Tensor]] = {}
    for key, value in made.state.items():
        name, _, rest = key.partition(".")
        networks.setdefault(name, {})[rest] = value.float()
    return {}, networks


def discriminator_of(file: Path) -> Parts:
    """A discriminator of one of these projects; also that within a checkpoint of taming-transformers.

    Raises InputError for a file that can't be read, and for one that no reader knows.
    """
    held = read_weights(file)
    inner = held.get("state_dict", held)
    if isinstance(inner, Mapping) and any(str(key).startswith(WITHIN) for key in inner):
        held = {key.removeprefix(WITHIN): value for key, value in inner.items() if key.startswith(WITHIN)}
    return _first(file, held, DISCRIMINATORS, "discriminator")


def _first(
    file: Path, held: Mapping[str, Any], readers: Sequence[Callable[[Mapping[str, Any]], Result]], what: str
) -> Parts:
    reasons = []
    for read in readers:
        try:
            component, state = read(held)
        except InputError as error:
            reasons.append(str(error))
        else:
            told = {key: value for key, value in component.items() if key not in WIRED}
            return told, {"": {key: value.float() for key, value in state.items()}}
    raise InputError(f"{file}: holds no {what} that is known here:\n" + "\n".join(f"  {why}" for why in reasons))
