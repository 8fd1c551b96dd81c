"""Other projects' checkpoints as model files: pytorch-CycleGAN-and-pix2pix's, BasicSR's and Real-ESRGAN's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from advloss.errors import InputError, unknown
from advloss.inference.foreign import check_channels, read_weights
from advloss.networks import basicsr, junyanz
from advloss.networks.state_dicts import Result
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.source import Source, read


@dataclass(frozen=True)
class Import:
    """How a method's generator is read: by which reader, into which of the method's networks."""

    read: Callable[[Mapping[str, Any]], Result]
    network: str


IMPORTS = {
    "cyclegan": Import(junyanz.generator_from, "g_ab"),
    "pix2pix": Import(junyanz.generator_from, "generator"),
    "super_resolution": Import(basicsr.generator_from, "generator"),
}
TRAINED_AS = {"msrresnet": "srresnet", "rrdbnet": "esrgan", "srvgg": "realesrgan"}
"""For each network of super-resolution, the packaged recipe that says the rest: a file's weights don't tell it."""


def import_model(method: str, file: Path, model: Path) -> Recipe:
    """Reads one generator (`latest_net_G.pth`, `RealESRGAN_x4plus.pth`) and writes it as a model file.

    The network's kind, width, depth, norm and scale are read off the weights; the rest is the packaged recipe's.
    Gives the model's recipe. Raises InputError for a file that can't be read or holds another network.
    """
    if method not in IMPORTS:
        raise InputError(f"import: {unknown('method', method, IMPORTS)}")
    if model.suffix != ".safetensors":
        raise InputError(f"{model}: a model file ends in .safetensors")
    if model.exists():
        raise InputError(f"{model} exists; name another")
    held = read_weights(file)
    if method != "super_resolution":
        _check_plain(file, held)
    try:
        component, state = IMPORTS[method].read(held)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    check_channels(file, component.pop("in_channels"), component.pop("out_channels"))
    recipe = resolve(_source(method, component, str(file)))
    tensors = {f"{IMPORTS[method].network}.{key}": tensor.float() for key, tensor in state.items()}
    try:
        save_model(model, recipe, tensors, {"source": file.name})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{model}: can't be written ({getattr(error, 'strerror', None) or error})") from None
    return recipe


def _source(method: str, component: dict[str, Any], origin: str) -> Source:
    """The packaged recipe with the file's generator in its place."""
    source = read(TRAINED_AS[component["name"]] if method == "super_resolution" else method)
    scale = component.pop("scale", None)
    if scale is not None:
        source.assign(("method", "scale"), scale, origin)
        crop = source.values["data"]["crop"]
        source.assign(("data", "crop"), crop - crop % scale, origin)
    settings = source.values["networks"]["generator"]
    kept = settings if settings["name"] == component["name"] else {}
    source.assign(("networks", "generator"), {**kept, **component}, origin)
    return source


def _check_plain(file: Path, held: Mapping[str, Any]) -> None:
    if not held or not all(isinstance(value, Tensor) for value in held.values()):
        raise InputError(f"{file}: not the weights of one network; import takes a file such as latest_net_G.pth")
