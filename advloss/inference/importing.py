"""Checkpoints of junyanz/pytorch-CycleGAN-and-pix2pix as model files."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from advloss.errors import InputError, unknown
from advloss.networks.junyanz import generator_from
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.source import read

NETWORKS = {"cyclegan": "g_ab", "pix2pix": "generator"}


def import_model(method: str, file: Path, model: Path) -> Recipe:
    """Reads one generator (`latest_net_G.pth`, `horse2zebra.pth`) and writes it as a model file that translates a2b.

    The network's kind, width, depth and norm are read off the weights; the rest is the packaged recipe's.
    Gives the model's recipe. Raises InputError for a file that can't be read or holds another network.
    """
    if method not in NETWORKS:
        raise InputError(f"import: {unknown('method', method, NETWORKS)}")
    if model.suffix != ".safetensors":
        raise InputError(f"{model}: a model file ends in .safetensors")
    if model.exists():
        raise InputError(f"{model} exists; name another")
    held = read_state(file)
    try:
        component, state = generator_from(held)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    channels = component.pop("in_channels"), component.pop("out_channels")
    if channels != (3, 3):
        raise InputError(f"{file}: takes {channels[0]} and gives {channels[1]} channels; only 3 and 3 can be used")
    source = read(method)
    settings = source.values["networks"]["generator"]
    kept = settings if settings["name"] == component["name"] else {}
    source.assign(("networks", "generator"), {**kept, **component}, str(file))
    recipe = resolve(source)
    try:
        save_model(model, recipe, {f"{NETWORKS[method]}.{key}": t for key, t in state.items()}, {"source": file.name})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{model}: can't be written ({getattr(error, 'strerror', None) or error})") from None
    return recipe


def read_state(file: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file, read without running anything in it. InputError if it holds more than tensors."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except Exception:  # torch.load raises whatever its zip and pickle readers raise
        raise InputError(f"{file}: not a checkpoint that can be read safely ({_culprit(file)})") from None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{file}: not the weights of one network; import takes a file such as latest_net_G.pth")
    return state


def _culprit(file: Path) -> str:
    """Why torch.load refused a file; its own message advises to run what the file holds."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # no zip archive, or a broken one
        names = []
    return f"it holds {', '.join(names)} besides tensors" if names else "cut short, or no file of torch.save"
