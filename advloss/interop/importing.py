"""Other projects' checkpoints as model files.

Generators of pytorch-CycleGAN-and-pix2pix, contrastive-unpaired-translation, pix2pixHD, BasicSR and Real-ESRGAN;
tokenizers of taming-transformers, latent-diffusion, LlamaGen and diffusers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from advloss.core.errors import InputError, unknown
from advloss.core.storage.files import check_result, make_folder
from advloss.core.storage.reading import read_file, read_json
from advloss.interop import basicsr, junyanz, pix2pixhd
from advloss.interop.state_dicts import Result
from advloss.interop.tokenizer_weights import KL
from advloss.interop.tokenizers import tokenizer_from
from advloss.interop.upscalers import check_channels, read_weights
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.sizes import check_sizes
from advloss.recipe.text.source import Source, is_override, read


@dataclass(frozen=True)
class Import:
    """How a method's generator is read: by which reader, into which of the method's networks."""

    read: Callable[[Mapping[str, Any]], Result]
    network: str


IMPORTS = {
    "cut": Import(junyanz.generator_from, "generator"),
    "cyclegan": Import(junyanz.generator_from, "g_ab"),
    "pix2pix": Import(junyanz.generator_from, "generator"),
    "pix2pixhd": Import(pix2pixhd.generator_from, "generator"),
    "super_resolution": Import(basicsr.generator_from, "generator"),
}
TRAINED_AS = {"msrresnet": "srresnet", "rrdbnet": "esrgan", "srvgg": "realesrgan"}
"""For each network of super-resolution, the packaged recipe that says the rest: a file's weights don't tell it."""
TOKENIZER = "tokenizer"
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
"""What diffusers calls the weights in a folder."""
CONFIG = "config.json"
CONFIG_MOST = 2**20
"""Bytes of it."""


def import_model(method: str, file: Path, model: Path, settings: Sequence[str] = ()) -> Recipe:
    """Reads one generator (`latest_net_G.pth`, `RealESRGAN_x4plus.pth`) or one tokenizer (`last.ckpt`,
    `vq_ds16_c2i.pt`, a folder of diffusers) and writes it as a model file.

    The networks' kind, width, depth, norm and scale are read off the weights; the rest is the packaged recipe's, unless
    `settings` (`key=value` of the recipe) say otherwise: the weights don't tell whether there was dropout.
    Gives the model's recipe. Raises InputError for a file that can't be read or holds another network, and for settings
    that don't fit its weights.
    """
    if method not in {*IMPORTS, TOKENIZER}:
        raise InputError(f"import: {unknown('method', method, {*IMPORTS, TOKENIZER})}")
    if model.suffix != ".safetensors":
        raise InputError(f"{model}: a model file ends in .safetensors")
    check_result(model)
    if model.exists():
        raise InputError(f"{model} exists; name another")
    source, state, about = _tokenizer(file) if method == TOKENIZER else (*_generator(method, file), {})
    for setting in settings:
        if not is_override(setting):
            raise InputError(f"import: '{setting}' is no key=value, such as networks.generator.dropout=0")
        source.override(setting)
    recipe = resolve(source)
    _check_fits(file, recipe, state)
    tensors = {key: tensor.float() for key, tensor in state.items()}
    try:
        make_folder(model.parent)
        save_model(model, recipe, tensors, {"source": file.name, **about})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{model}: can't be written ({getattr(error, 'strerror', None) or error})") from None
    return recipe


def _check_fits(file: Path, recipe: Recipe, state: Mapping[str, Tensor]) -> None:
    """InputError unless the recipe's networks have the shapes of the weights. A state may lack whole networks."""
    try:
        check_sizes(recipe, {name: tuple(tensor.shape) for name, tensor in state.items()})
    except InputError as error:
        raise InputError(f"{file}: its weights are not those of the network that the settings say: {error}") from None


def _generator(method: str, file: Path) -> tuple[Source, dict[str, Tensor]]:
    held = read_weights(file)
    try:
        component, state = IMPORTS[method].read(held)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    check_channels(file, component.pop("in_channels"), component.pop("out_channels"))
    return _source(method, component, str(file)), {f"{IMPORTS[method].network}.{k}": v for k, v in state.items()}


def _tokenizer(place: Path) -> tuple[Source, dict[str, Tensor], dict[str, Any]]:
    """place: a file of weights, or a folder of diffusers. The last: what else its configuration says."""
    file = _diffusers_weights(place) if place.is_dir() else place
    held = read_weights(file)
    try:
        config = _config(file) or {}
        made = tokenizer_from(held, config or None)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    check_channels(file, made.encoder["in_channels"], made.decoder["out_channels"])
    kl = made.bottleneck["name"] == KL
    source = read("klvae-f8" if kl else "llamagen-vq16" if made.bottleneck.get("normalize") else "vqgan-f16")
    wired = ("in_channels", "out_channels")
    for key, component in (("encoder", made.encoder), ("bottleneck", made.bottleneck), ("decoder", made.decoder)):
        parameters = {name: value for name, value in component.items() if name not in wired}
        source.assign(("networks", key), parameters, str(file))
    factor = config.get("scaling_factor")
    return source, made.state, {"scaling_factor": float(factor)} if isinstance(factor, int | float) else {}


def _diffusers_weights(folder: Path) -> Path:
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is not None:
        return file
    inner = next(
        (path.parent for path in sorted(folder.glob(f"*/{CONFIG}")) if path.parent.name in ("vae", "vqvae")), None
    )
    hint = f"; {inner} looks like one" if inner else ""
    raise InputError(f"{folder}: has no {WEIGHTS[0]}, so it is no folder of diffusers with an autoencoder{hint}")


def _config(file: Path) -> dict[str, Any] | None:
    """The configuration of diffusers in the folder of a file of weights."""
    path = file.with_name(CONFIG)
    if file.suffix not in (".safetensors", ".bin") or not path.is_file():
        return None
    try:
        config = read_json(read_file(path, CONFIG_MOST))
    except ValueError as error:
        raise InputError(f"{path}: can't be read as JSON ({error})") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: is no configuration of diffusers")
    return config


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
    source.assign(("initial",), None, origin)
    return source
