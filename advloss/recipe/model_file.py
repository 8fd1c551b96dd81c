"""The model file: one `.safetensors` with the generator's weights and, in its metadata, the whole recipe."""

import hashlib
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
from advloss.core.storage.checksums import digest
from advloss.core.storage.files import replacing
from advloss.core.storage.reading import check_plain, read_json
from advloss.core.version import __version__
from advloss.methods.base import Method
from advloss.recipe.build_method import build_method
from advloss.recipe.resolve import complete_recipe
from advloss.recipe.schema import Recipe
from advloss.recipe.signatures import sentences
from advloss.recipe.sizes import absent_networks, check_sizes
from advloss.recipe.text.upgrade import FORMAT, upgraded

CHECKSUM = "checksum"
MESSAGE = 400
"""Characters of an error in a message about a file."""
KEY = "advloss"  # one entry only: safetensors does not keep the order of several, and equal models are equal bytes


def save_model(path: Path, recipe: Recipe, state: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    """Writes a model file in one piece.

    state: a method's state dict; it may have the networks of one direction only. about: further facts, as JSON values
    (`iteration`, `source`).
    """
    content = {"format": FORMAT, "version": __version__, "recipe": recipe.plain(), **dict(sorted(about.items()))}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    content |= {CHECKSUM: _checksum(content, tensors)}
    with replacing(path) as temporary:
        # the recipe is not sorted: the order of its steps counts
        save_file(tensors, temporary, metadata={KEY: json.dumps(content)})


def read_model(path: Path) -> tuple[Method, Recipe, dict[str, Any]]:
    """A model file's method (in eval mode, on the CPU, float32), its recipe, and its further facts (`about`).

    Raises InputError for a file that is missing, cut short, or not a model of advloss.
    """
    state, content = _read(path)
    recipe = _recipe(path, content)
    _check_sizes(path, recipe, {name: tuple(value.shape) for name, value in state.items()})
    with torch.random.fork_rng(devices=[]):
        method = build_method(recipe)
    for name in absent_networks(method, state):
        setattr(method, name, None)
    try:
        method.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit its recipe: {error}") from None
    return method.float().eval(), recipe, content


def read_state(path: Path) -> tuple[dict[str, Tensor], Recipe]:
    """A model file's tensors and its recipe, without making the method. Raises InputError as `read_model` does."""
    state, content = _read(path)
    return state, _recipe(path, content)


def is_model_file(path: Path) -> bool:
    """Whether a file holds a recipe, and no other project's weights. True also for one that can't be opened: then the
    reader of model files raises the error."""
    if path.suffix != ".safetensors" or not path.is_file():  # to open a pipe would wait
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True


def _recipe(path: Path, content: Mapping[str, Any]) -> Recipe:
    form = content.get("format", 1)
    try:
        if type(form) is not int or form < 1 or not isinstance(content.get("recipe"), dict):
            raise InputError("it is no recipe with a format")
        return complete_recipe(Recipe.model_validate(upgraded(content["recipe"], form)))
    except (InputError, ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        why = _line(error)
        raise InputError(f"{path}: its recipe is not one of this version of advloss ({why})") from None


def _line(error: Exception) -> str:
    """The first line of an error, without an end; of pydantic's, the place and what is wrong there."""
    if isinstance(error, ValidationError):
        return sentences(error, model=Recipe)[0][:MESSAGE]
    return (str(error).splitlines() or [type(error).__name__])[0][:MESSAGE]


def _pickled(path: Path) -> bool:
    """Whether a file begins as torch.save's do: a zip archive, or the number that came first before PyTorch 1.6."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"\x80\x02\x8a\x0a")


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, and the metadata, which are those that were written."""
    _check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            content = _content(path, file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole .safetensors file ({error}); was its download cut short?") from None
    checksum = content.pop(CHECKSUM, None)  # files of before have none
    if checksum is not None and checksum != _checksum(content, state):
        raise InputError(
            f"{path}: damaged: its bytes are not those that were written (another checksum); copy or download it again"
        )
    return state, content


def _check_file(path: Path) -> None:
    """Raises InputError for what safetensors would wait for, or would name otherwise."""
    if path.exists() and not path.is_dir():
        check_plain(path)
    if not path.is_file():
        raise InputError(f"{path}: no such model file; a finished run has one at runs/NAME/model.safetensors")
    if not os.access(path, os.R_OK):  # safetensors would say that there is none
        raise InputError(f"{path}: can't be read (Permission denied)")
    if _pickled(path):
        raise InputError(
            f"{path}: a file of torch.save, and no model file (.safetensors); `advloss import` makes one of other "
            "projects' weights, see `advloss import --help`"
        )


def _content(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise InputError(f"{path}: holds no recipe, so it is no model of advloss; see `advloss import --help`")
    try:
        content = read_json(metadata[KEY])
    except ValueError as error:
        raise InputError(f"{path}: its recipe can't be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: its recipe can't be read (it is a {type(content).__name__})")
    form = content.get("format", 1)
    if isinstance(form, int) and form > FORMAT:
        raise InputError(
            f"{path}: its recipe is of format {form}, and this version of advloss reads up to {FORMAT}: install a "
            f"newer one (the file is of version {content.get('version')!s:.20})"
        )
    return content


def _check_sizes(path: Path, recipe: Recipe, shapes: Mapping[str, tuple[int, ...]]) -> None:
    try:
        check_sizes(recipe, shapes)
    except InputError as error:
        raise InputError(f"{path}: its weights do not fit its recipe: {error}") from None


def _checksum(content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256, in hexadecimal, over the metadata and the tensors' digest."""
    return hashlib.sha256(f"{json.dumps(content)}\n{digest(tensors)}".encode()).hexdigest()
