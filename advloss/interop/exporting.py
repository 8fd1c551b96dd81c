"""Our tokenizers as diffusers reads them: a folder for `from_pretrained`."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.storage.files import check_open, make_folder, temporary_folder
from advloss.data.sampling.crops import CropSide
from advloss.interop.diffusers import to_diffusers
from advloss.interop.tokenizer_weights import KL, VQ, Tokenizer
from advloss.methods.base import Method
from advloss.networks.bottlenecks import Bottleneck
from advloss.recipe.schema import Recipe

WEIGHTS, CONFIG = "diffusion_pytorch_model.safetensors", "config.json"


def export_diffusers(
    method: Method,
    recipe: Recipe,
    folder: Path,
    scaling_factor: float | None = None,
    say: Callable[[str], None] = print,
) -> str:
    """Writes `config.json` and `diffusion_pytorch_model.safetensors` into a new folder; gives the class that reads it.

    The class is diffusers' VQModel or AutoencoderKL. scaling_factor: what a diffusion model multiplies latents by; 1
    if None, and the user is told. Raises InputError for a model that is no such tokenizer, for
    a folder that has something in it, and where nothing can be written; then there is no folder either.
    """
    made = as_tokenizer(method, recipe)
    folder = folder.absolute()
    if scaling_factor is not None and not 0 < scaling_factor < math.inf:
        raise InputError(f"scaling factor {scaling_factor}: is a number above 0, 1 / the latents' standard deviation")
    if scaling_factor is None and made.bottleneck["name"] == KL:
        say(
            "scaling_factor is 1 in its configuration: --scaling-factor sets it, to 1 / the latents' standard "
            "deviation (Stable Diffusion 1: 0.18215)"
        )
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder}: {'is a file' if folder.is_file() else 'has files in it'}; name a new folder")
    state, config = to_diffusers(made, CropSide(recipe.data.crop).ends[1], scaling_factor or 1.0)
    check_open(folder.parent)
    try:
        make_folder(folder.parent)
        with temporary_folder(folder.parent) as place:
            _write(place / "new", state, config).replace(folder)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}: can't be written ({getattr(error, 'strerror', None) or error})") from None
    return str(config["_class_name"])


def _write(folder: Path, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> Path:
    folder.mkdir()
    tensors = {name: tensor.cpu().contiguous().clone() for name, tensor in state.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return folder


def as_tokenizer(method: Method, recipe: Recipe) -> Tokenizer:
    """The model's parts and weights, as the readers of other projects' files give them.

    Raises InputError for a bottleneck that diffusers does not have.
    """
    networks = {key: {"name": one.name, **one.parameters} for key, one in recipe.networks.items()}
    name = networks.get("bottleneck", {}).get("name", "none")
    if name not in (VQ, KL):
        raise InputError(
            f"export: diffusers has classes for the bottlenecks {VQ} (VQModel) and {KL} (AutoencoderKL), not for {name}"
        )
    state = {key: tensor.detach() for key, tensor in method.state_dict().items()}
    between = cast(Bottleneck, method.bottleneck)
    taken, given = state["encoder.first.weight"].shape[1], state["decoder.last.weight"].shape[0]
    encoder = {"in_channels": taken, "out_channels": between.in_channels, **networks["encoder"]}
    decoder = {"in_channels": between.channels, "out_channels": given, **networks["decoder"]}
    return Tokenizer(encoder, networks["bottleneck"], decoder, state)
