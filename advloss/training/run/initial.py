"""What a training starts from: the networks of a model file, or the networks and discriminators of a checkpoint."""

from pathlib import Path
from typing import Any

from torch import nn

from advloss.core.errors import InputError
from advloss.recipe.build import Built
from advloss.recipe.model_file import load_initial
from advloss.recipe.schema import Recipe
from advloss.recipe.terms import by_name
from advloss.training.run.changes import Changes, changes, in_words
from advloss.training.run.checkpoint import read_checkpoint

CHECKPOINT = "checkpoint.pt"


def start_from_initial(built: Built) -> list[str]:
    """Loads what the recipe names as `initial`, if it names something. Gives lines that say what was loaded.

    A model file has a method's networks, averaged if its run had an average. A run's checkpoint has the networks
    as they were trained last, and the discriminators that learned with them: those of terms of the same name are
    loaded too. Optimizers, pools and the number of the iteration start anew.

    Raises InputError if the file can't be read, or its networks are of another kind or size.
    """
    path = built.recipe.initial
    content = None if path is None else _checkpoint(path)
    if path is None or content is None:
        load_initial(built.method, built.recipe)
        return []
    before = Recipe.model_validate(content["recipe"])
    _load(built.method, content["method"], path, _of(changes(before, built.recipe), "method", "networks"))
    loaded = []
    for name, term in by_name(built.terms).items():
        if term.two_sided and before.losses.get(name) is not None:
            for prefix, network in term.named_modules():
                if any(network is one for one in term.networks):
                    state = _within(content["terms"], f"{name}.{prefix}.")
                    _load(network, state, path, _of(changes(before, built.recipe), f"losses.{name}"))
            loaded.append(name)
    also = f" and the discriminators of {', '.join(loaded)}" if loaded else ""
    return [f"initial: the networks{also} of {path}, after iteration {content['iteration']}"]


def _checkpoint(path: Path) -> dict[str, Any] | None:
    """The content of a run's checkpoint; None for another kind of file."""
    if not path.is_file() or path.suffix == ".safetensors":
        return None
    try:
        return read_checkpoint(path)
    except InputError as error:
        if path.name == CHECKPOINT:
            raise InputError(f"initial: {error}") from None
        return None  # the reader of model files says what it is


def _load(network: nn.Module, state: dict[str, Any], path: Path, different: Changes) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        why = in_words(different) or f"  {str(error).splitlines()[-1].strip()}"
        model = path.with_name("model.safetensors")
        raise InputError(
            f"initial: {path} is of other networks:\n{why}\n"
            f"make them alike, or start from the networks without their discriminators, initial={model}"
        ) from None


def _of(changed: Changes, *sections: str) -> Changes:
    return {key: values for key, values in changed.items() if key.startswith(tuple(f"{one}." for one in sections))}


def _within(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
