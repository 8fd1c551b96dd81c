"""contrastive-unpaired-translation: whole iterations of its CUTModel and of ours, on the same weights and places."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advloss.interop.junyanz import discriminator_from, generator_from
from advloss.methods import cut
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.executor import Executor
from advloss.training.executors import EXECUTORS
from tools.authors.loaded import code_of
from tools.authors.scene import drawn

PROJECT = "contrastive-unpaired-translation"
ITERATIONS, SIDE, WIDTH, HEAD, PLACES = 4, 32, 2, 8, 16
MODES = {"cut": "CUT", "fastcut": "FastCUT"}
"""Our recipes, and the authors' names for them."""
WORDS = (
    *("--dataroot", "none", "--gpu_ids", "-1", "--checkpoints_dir", "none", "--name", "none"),
    *("--ngf", f"{WIDTH}", "--ndf", f"{WIDTH}", "--netG", "resnet_6blocks"),
    *("--netF_nc", f"{HEAD}", "--num_patches", f"{PLACES}"),
)
"""Of the authors' command line: a small form; all else are their defaults."""
SMALL = (
    f"data.load={SIDE}",
    f"data.crop={SIDE}",
    f"method.patches={PLACES}",
    "networks.generator.blocks=6",
    f"networks.generator.width={WIDTH}",
    f"losses.adversarial.discriminator.width={WIDTH}",
    f"losses.nce.width={HEAD}",
    "train.precision=fp64",
)
"""The same of ours."""
AFTER = {"G": ("model.1.weight", "model.8.bias", "model.27.weight"), "D": ("model.0.weight", "model.11.weight")}
AFTER |= {"F": ("mlp_0.0.weight", "mlp_4.2.bias")}
"""The weights that are compared after the last iteration."""
Tensors = dict[str, Tensor]


def images(side: str) -> Tensor:
    """The batches of a domain: uint8 [ITERATIONS, 1, 3, SIDE, SIDE]."""
    values = drawn(f"images of {side}", ITERATIONS, 1, 3, SIDE, SIDE)
    return ((values / 3**0.5 + 1) * 127.5).to(torch.uint8)


def scaled(images: Tensor) -> Tensor:
    """uint8 as float64 in [-1, 1]."""
    return images.double() / 127.5 - 1


def theirs(checkout: Path) -> Tensors:
    """The weights at the start, the batches, and of each mode what its iterations drew and computed."""
    found: Tensors = {"images.a": images("a"), "images.b": images("b")}
    for recipe, mode in MODES.items():
        with in_float64(), right_instance_norm(), code_of(checkout) as module, words(mode):
            model = _model(module)
            found |= {f"{recipe}.{name}": value for name, value in _of_mode(model, found).items()}
    return found


def _model(module: Callable[[str], Any]) -> Any:
    """The authors' model with their options, its heads made and its weights drawn."""
    import argparse

    options = module("options.train_options").TrainOptions().initialize(argparse.ArgumentParser())
    model_class = module("models.cut_model").CUTModel
    options = model_class.modify_commandline_options(options, True).parse_args()
    options.gpu_ids, options.isTrain = [], True
    model = model_class(options)
    model.data_dependent_initialize(_batch(scaled(images("a")[0]), scaled(images("b")[0])))
    for letter in "GDF":
        _fill(getattr(model, f"net{letter}"), letter)
    return model


def _of_mode(model: Any, common: Tensors) -> Tensors:
    """What four iterations of the model draw and compute. common: gets what all modes share."""
    for letter in "GDF":
        weights = getattr(model, f"net{letter}").state_dict()
        common |= {f"weights.{letter}.{key}": value.float() for key, value in weights.items()}
    with torch.no_grad():
        image, maps = model.netG(scaled(common["images.a"][0]), model.nce_layers, encode_only=False)
    common |= {"output": image.float(), **{f"maps.{number}": layer.float() for number, layer in enumerate(maps)}}
    found: dict[str, list[Any]] = {}
    for iteration in range(ITERATIONS):
        model.set_input(_batch(*(scaled(common[f"images.{side}"][iteration]) for side in "ab")))
        with drawing(iteration) as places:
            model.optimize_parameters()
        flipped = bool(getattr(model, "flipped_for_equivariance", False))
        values = {"flipped": torch.tensor(flipped)}
        values |= {f"places.{number}": torch.tensor(place, dtype=torch.int16) for number, place in enumerate(places)}
        values |= {f"loss.{name}": getattr(model, f"loss_{name}").detach() for name in ("G_GAN", "D", "NCE")}
        if model.opt.nce_idt:
            values["loss.NCE_Y"] = model.loss_NCE_Y.detach()
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    after = {
        f"after.{letter}.{key}": getattr(model, f"net{letter}").state_dict()[key].clone()
        for letter, keys in AFTER.items()
        for key in keys
    }
    return {name: torch.stack(values) for name, values in found.items()} | after


def ours(tensors: Mapping[str, Tensor], recipe: str, executor: str = "auto") -> Tensors:
    """What our iterations compute of the same weights, batches and draws, under the authors' names."""
    played = _executor(tensors, recipe, executor)
    kept = {key.removeprefix(f"{recipe}."): value for key, value in tensors.items() if key.startswith(f"{recipe}.")}
    losses: dict[str, list[Tensor]] = {"loss.G_GAN": [], "loss.D": [], "loss.nce": []}
    for iteration in range(ITERATIONS):
        places = [kept[f"places.{layer}"][iteration].long() for layer in range(5)]
        batch = {side: scaled(tensors[f"images.{side}"][iteration]) for side in "ab"}
        with told(places, kept["flipped"][iteration]):
            values = played.play([batch], iteration)
        losses["loss.G_GAN"].append(values["adversarial"])
        losses["loss.D"].append(values["adversarial.discriminator"])
        losses["loss.nce"].append(played.by_name["nce"].weight_at(iteration) * values["nce"])
    networks = {"G": played.method.generator, "D": played.by_name["adversarial"].loss.discriminator}
    networks["F"] = played.by_name["nce"].loss
    found = {name: torch.stack(values) for name, values in losses.items()}
    for letter, names in OURS.items():
        state = networks[letter].state_dict()
        found |= {f"after.{letter}.{theirs}": state[mine] for theirs, mine in zip(AFTER[letter], names, strict=True)}
    return found


OURS = {
    "G": ("first.conv.weight", "downs.1.conv.bias", "last.weight"),
    "D": ("body.0.conv.weight", "body.3.conv.weight"),
}
OURS |= {"F": ("heads.0.0.weight", "heads.4.2.bias")}
"""Our names of `AFTER`."""


def expected(tensors: Mapping[str, Tensor], recipe: str) -> Tensors:
    """What `ours` must give: the authors' losses and weights. Of two domains, half the sum of their PatchNCE losses."""
    kept = {key.removeprefix(f"{recipe}."): value for key, value in tensors.items() if key.startswith(f"{recipe}.")}
    nce = [kept[name] for name in ("loss.NCE", "loss.NCE_Y") if name in kept]
    found = {
        name: value for name, value in kept.items() if name.startswith("after.") or name in ("loss.G_GAN", "loss.D")
    }
    return found | {"loss.nce": torch.stack(nce).mean(0)}


def our_maps(tensors: Mapping[str, Tensor]) -> Tensors:
    """What our generator makes of the first image of a, and the maps of its layers."""
    method: Any = _executor(tensors, "cut", "plain").method
    with torch.no_grad():
        image, maps = method.generator(scaled(tensors["images.a"][0]), features=method.layers)
    return {"output": image, **{f"maps.{number}": layer for number, layer in enumerate(maps)}}


def _executor(tensors: Mapping[str, Tensor], recipe: str, name: str) -> Executor:
    """Our recipe in its small form, with the authors' weights."""
    source = read(recipe)
    for override in SMALL:
        source.override(override)
    built = build(resolve(source))
    state = {letter: _weights(tensors, letter) for letter in "GDF"}
    method: Any = built.method
    method.generator.load_state_dict(generator_from(state["G"])[1])
    built.adversaries["adversarial"].loss.discriminator.load_state_dict(discriminator_from(state["D"])[1])
    heads = {key.replace("mlp_", "heads."): value for key, value in state["F"].items()}
    built.terms["nce"].loss.load_state_dict(heads)  # type: ignore[union-attr]
    return EXECUTORS[name](built, torch.device("cpu"), lambda sentence: None)


def _weights(tensors: Mapping[str, Tensor], letter: str) -> Tensors:
    prefix = f"weights.{letter}."
    return {key.removeprefix(prefix): value.double() for key, value in tensors.items() if key.startswith(prefix)}


def _batch(a: Tensor, b: Tensor) -> dict[str, Any]:
    return {"A": a, "B": b, "A_paths": [], "B_paths": []}


@torch.no_grad()
def _fill(network: nn.Module, seed: str) -> None:
    """Draws all that it learns, as numbers that float32 has."""
    for key, parameter in network.named_parameters():
        values = drawn(f"{seed} {key}", *parameter.shape)
        values *= (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
        parameter.copy_(values.float())


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Within it new tensors are float64."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def right_instance_norm() -> Iterator[None]:
    """Within it gradients that come into an instance norm are contiguous: on the CPU `F.instance_norm` gives a wrong
    gradient of one image if they are in channels_last, and those of drawn places are."""
    before = nn.InstanceNorm2d.forward

    def forward(self: nn.InstanceNorm2d, x: Tensor) -> Tensor:
        y = before(self, x)
        if y.requires_grad:
            y.register_hook(lambda gradient: gradient.contiguous())
        return y

    nn.InstanceNorm2d.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.InstanceNorm2d.forward = before  # type: ignore[method-assign]


@contextlib.contextmanager
def words(mode: str) -> Iterator[None]:
    """Within it the command line is the authors', of a small form of that mode."""
    before = sys.argv
    sys.argv = ["train.py", "--CUT_mode", mode, *WORDS]
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def drawing(iteration: int) -> Iterator[list[Sequence[int]]]:
    """Within it the authors' code draws from a stream of this iteration, and for each domain the same places.

    Gives the list of the places of each layer. They draw anew for the second domain; ours are the same for both.
    """
    stream = np.random.RandomState(iteration)
    before = np.random.permutation, np.random.random
    chosen: list[Sequence[int]] = []
    calls = 0

    def permutation(length: int) -> Any:
        nonlocal calls
        layer, calls = calls % 5, calls + 1
        if layer == len(chosen):
            chosen.append(stream.permutation(length)[:PLACES])
        return chosen[layer]

    np.random.permutation, np.random.random = permutation, stream.random_sample  # type: ignore[assignment]
    try:
        yield chosen
    finally:
        np.random.permutation, np.random.random = before


@contextlib.contextmanager
def told(places: list[Tensor], flipped: Tensor) -> Iterator[None]:
    """Within it our method takes these places and flips as told, instead of drawing."""
    before = cut.drawn_places, cut.drawn_coin
    cut.drawn_places, cut.drawn_coin = lambda maps, patches: places, lambda like: flipped
    try:
        yield
    finally:
        cut.drawn_places, cut.drawn_coin = before
