"""The model file: one `.safetensors` with the generator's weights and, in its metadata, the whole recipe."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.files import replacing
from advloss.core.version import __version__
from advloss.methods.base import Method
from advloss.methods.uses import translations
from advloss.recipe.build_method import build_method
from advloss.recipe.resolve import complete_recipe
from advloss.recipe.schema import Component, Recipe
from advloss.recipe.text.upgrade import FORMAT, upgraded

KEY = "advloss"  # one entry only: safetensors does not keep the order of several, and equal models are equal bytes


def save_model(path: Path, recipe: Recipe, state: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    """Writes a model file in one piece.

    state: a method's state dict; it may have the networks of one direction only. about: further facts, as JSON values
    (`iteration`, `source`).
    """
    content = {"format": FORMAT, "version": __version__, "recipe": recipe.plain(), **dict(sorted(about.items()))}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    with replacing(path) as temporary:
        # the recipe is not sorted: the order of its steps counts
        save_file(tensors, temporary, metadata={KEY: json.dumps(content)})


def read_model(path: Path) -> tuple[Method, Recipe, dict[str, Any]]:
    """A model file's method (in eval mode, on the CPU, float32), its recipe, and its further facts (`about`).

    Raises InputError for a file that is missing, cut short, or not a model of advloss.
    """
    state, content = _read(path)
    recipe = _recipe(path, content)
    with torch.random.fork_rng(devices=[]):
        method = build_method(recipe)
    networks = [direction.network for direction in translations(method.uses).values()]
    absent = [name for name in networks if not any(key.startswith(f"{name}.") for key in state)]
    if len(absent) < len(networks):  # an imported model has one direction
        for name in absent:
            setattr(method, name, None)
    try:
        method.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit its recipe: {error}") from None
    return method.float().eval(), recipe, content


def load_initial(method: Method, recipe: Recipe) -> None:
    """Loads the weights of the model file that the recipe names as `initial`, if it names one.

    Raises InputError if the file can't be read, or its networks are of another kind or size.
    """
    if recipe.initial is None:
        return
    if not recipe.initial.exists():
        raise InputError(
            f"initial: {recipe.initial}: no such model file; name the one to start from, initial=FILE, or start from "
            "nothing, initial=null"
        )
    state, content = _read(recipe.initial)
    try:
        method.load_state_dict(state)
    except RuntimeError:
        theirs, ours = (_networks(one) for one in (_recipe(recipe.initial, content), recipe))
        raise InputError(f"initial: {recipe.initial} holds {theirs}, and this recipe has {ours}") from None


def _networks(recipe: Recipe) -> str:
    """`super_resolution {scale=4} with generator srresnet {blocks=16, width=64}`."""

    def words(component: Component) -> str:
        return f"{component.name} {{{', '.join(f'{k}={v}' for k, v in component.parameters.items())}}}"

    networks = ", ".join(f"{name} {words(component)}" for name, component in recipe.networks.items())
    return f"{words(recipe.method)} with {networks}"


def _recipe(path: Path, content: Any) -> Recipe:
    try:
        return complete_recipe(Recipe.model_validate(upgraded(content["recipe"], int(content.get("format", 1)))))
    except (InputError, ValidationError, KeyError, TypeError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"{path}: its recipe is not one of this version of advloss ({why})") from None


def _pickled(path: Path) -> bool:
    """Whether a file begins as torch.save's do: a zip archive, or the number that came first before PyTorch 1.6."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"\x80\x02\x8a\x0a")


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"{path}: no such model file; a finished run has one at runs/NAME/model.safetensors")
    if not os.access(path, os.R_OK):  # safetensors would say that there is none
        raise InputError(f"{path}: can't be read (Permission denied)")
    if _pickled(path):
        raise InputError(
            f"{path}: a file of torch.save, and no model file (.safetensors); `advloss import` makes one of other "
            "projects' weights, see `advloss import --help`"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole .safetensors file ({error}); was its download cut short?") from None
    if KEY not in metadata:
        raise InputError(f"{path}: holds no recipe, so it is no model of advloss; see `advloss import --help`")
    try:
        return state, json.loads(metadata[KEY])
    except ValueError as error:
        raise InputError(f"{path}: its recipe can't be read ({error})") from None
