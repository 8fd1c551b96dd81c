"""Other projects' tokenizers: the layers of `Encoder` and `Decoder` under each project's names.

All have the same two networks and differ in names, so one reader and one writer serve all; a `Dialect` has the names.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop.state_dicts import Component, State, kernel, renamed, unlike
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from advloss.networks.bottlenecks import BOTTLENECKS

File = State | Mapping[str, Any]
Half = Literal["encoder", "decoder"]
NAME = "vqgan"
VQ, KL = "vq", "kl"
CODEBOOK = "codebook.weight"
CODES = (
    (VQ, "quantize.embedding.weight", {"quantize.embedding": "codebook"}),
    ("gumbel", "quantize.embed.weight", {"quantize.embed.weight": "weight", "quantize.proj": "projection"}),
)
"""Bottlenecks with codes: ours, the key of the codes, and their layers to ours."""
PARTS = {"encoder": ("encoder.", "quant_conv."), "decoder": ("decoder.", "post_quant_conv.")}
ATTENTION = ("norm", "query", "key", "value", "out")


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer as a file holds it: its parts as a recipe writes them, and its weights under our keys.

    encoder, bottleneck, decoder: {"name": ..., and every parameter that keys and shapes tell}. state: the keys of each
    behind `encoder.`, `bottleneck.` and `decoder.`.
    """

    encoder: Component
    bottleneck: Component
    decoder: Component
    state: dict[str, Tensor]


@dataclass(frozen=True)
class Dialect:
    """What one project calls the layers.

    down, up: the lists of levels. downwards: whether the decoder's levels are counted from the image's resolution, as
    the encoder's are, and not in the order in which they are computed. block, attention: the lists in each level.
    downsample, upsample: the convolution at a level's end. middle: block, attention, block. projections: an
    attention's norm, query, key, value and last layer.
    """

    project: str
    down: str
    up: str
    downwards: bool
    block: str
    attention: str
    downsample: str
    upsample: str
    middle: tuple[str, str, str]
    projections: tuple[str, str, str, str, str]
    shortcut: str = "nin_shortcut"
    norm: str = "norm_out"


def halves_from(
    state: State, dialect: Dialect, groups: int = 32
) -> tuple[Component, Component, dict[str, Tensor], dict[str, Tensor]]:
    """The encoder, the decoder, their weights under our keys, and what other tensors the state has.

    groups: of the group norms, which no key tells; 32 in all that is published.
    Raises InputError for a state that holds no such networks, and names the tensors that don't fit.
    """
    first = kernel(state, "encoder.conv_in.weight", "an encoder", dialect.project)
    kernel(state, "decoder.conv_in.weight", "a decoder", dialect.project)
    state = {key: _linear(key, tensor, dialect) for key, tensor in state.items()}
    width = first.shape[0]
    encoder, decoder = (_component(state, half, dialect, width, groups) for half in ("encoder", "decoder"))
    if encoder["out_channels"] not in (decoder["in_channels"], 2 * decoder["in_channels"]):
        raise InputError(
            f"the encoder gives latents of {encoder['out_channels']} channels and the decoder takes "
            f"{decoder['in_channels']}: neither the same nor half as many (mean and log variance)"
        )
    ours: dict[str, Tensor] = {}
    for half, component, network in (("encoder", encoder, Encoder), ("decoder", decoder, Decoder)):
        part = {key: state[key] for key in state if key.startswith(PARTS[half])}
        weights = renamed(part, layer_names(half, component, dialect), network, component)
        ours |= {f"{half}.{key}": tensor for key, tensor in weights.items()}
    rest = {key: state[key] for key in state if not key.startswith((*PARTS["encoder"], *PARTS["decoder"]))}
    return encoder, decoder, ours, rest


def tokenizer(
    encoder: Component, decoder: Component, state: dict[str, Tensor], rest: State, project: str, **settings: Any
) -> Tokenizer:
    """The whole, with the bottleneck that `rest` holds: what `halves_from` gives.

    settings: of a plain codebook, which no key tells. Raises InputError for a bottleneck that is not read here.
    """
    component: Component = {"name": KL, "channels": decoder["in_channels"]}
    names = {}
    if encoder["out_channels"] == decoder["in_channels"]:
        name, key, names = next((each for each in CODES if each[1] in rest), (None, "", {}))
        if name is None:
            wanted = "a codebook (quantize.embedding.weight), since the encoder gives no log variance"
            raise unlike(rest, wanted, project)
        component |= {"name": name, "codes": len(rest[key])} | (settings if name == VQ else {})
        # Gumbel's logits are a 1x1 convolution's there
        rest = {key: x.flatten(1) if x.shape[2:] == (1, 1) else x for key, x in rest.items()}
    weights = renamed(rest, names, BOTTLENECKS[component["name"]], component)
    state = state | {f"bottleneck.{key}": tensor for key, tensor in weights.items()}
    return Tokenizer(encoder, component, decoder, state)


def _component(state: State, half: str, dialect: Dialect, width: int, groups: int) -> Component:
    """What the keys and shapes of one half tell."""
    levels = dialect.down if half == "encoder" else dialect.up
    count = _count(state, f"{half}.{levels}", f"{dialect.block}.0.conv1.weight")
    if count == 0:
        key = f"{half}.{levels}.0.{dialect.block}.0.conv1.weight"
        raise unlike(state, f"a tokenizer ({key})", dialect.project)
    multipliers, attention = [], []
    for level in range(count):
        prefix = _level(half, level, count, dialect)
        conv = f"{prefix}.{dialect.block}.0.conv1.weight"
        channels = kernel(state, conv, "a residual block", dialect.project).shape[0]
        if channels % width:
            raise InputError(f"{prefix} has {channels} channels, no multiple of the {width} of encoder.conv_in")
        multipliers.append(channels // width)
        if f"{prefix}.{dialect.attention}.0.{dialect.projections[1]}.weight" in state:
            attention.append(2**level)
    blocks = _count(state, f"{_level(half, 0, count, dialect)}.{dialect.block}", "conv1.weight")
    ends = [kernel(state, f"{half}.{layer}.weight", f"a {half}", dialect.project) for layer in ("conv_in", "conv_out")]
    taken, given = ends[0].shape[1], ends[1].shape[0]
    outer = "quant_conv.weight" if half == "encoder" else "post_quant_conv.weight"
    projection = kernel(state, outer, f"a {half}", dialect.project).shape[:2] if outer in state else None
    encodes = half == "encoder"
    component: Component = {
        "name": NAME,
        "in_channels": taken if encodes or projection is None else projection[1],
        "out_channels": projection[0] if encodes and projection is not None else given,
        "z_channels": given if encodes else taken,
        "width": width,
        "multipliers": multipliers,
        "blocks": blocks if encodes else blocks - 1,
        "attention": attention,
        "middle_attention": f"{half}.{dialect.middle[1]}.{dialect.projections[1]}.weight" in state,
        "groups": groups,
        "projection": projection is not None,
    }
    return component


def layer_names(half: str, component: Component, dialect: Dialect) -> dict[str, str]:
    """Their layers to ours for the network that the component describes."""
    names = {
        "quant_conv" if half == "encoder" else "post_quant_conv": "projection",
        f"{half}.conv_in": "first",
        f"{half}.{dialect.norm}": "norm",
        f"{half}.conv_out": "last",
    }
    block0, attention, block1 = (f"{half}.{layer}" for layer in dialect.middle)
    names |= _block(block0, "middle.block0", dialect) | _block(block1, "middle.block1", dialect)
    names |= _attention(attention, "middle.attention", dialect)
    count = len(component["multipliers"])
    blocks = component["blocks"] if half == "encoder" else component["blocks"] + 1
    for level in range(count):
        theirs = _level(half, level, count, dialect)
        ours = f"levels.{level if half == 'encoder' else count - 1 - level}"
        names[f"{theirs}.{dialect.downsample if half == 'encoder' else dialect.upsample}"] = f"{ours}.resample"
        for i in range(blocks):
            names |= _block(f"{theirs}.{dialect.block}.{i}", f"{ours}.block{i}", dialect)
            names |= _attention(f"{theirs}.{dialect.attention}.{i}", f"{ours}.attention{i}", dialect)
    return names


def _level(half: str, level: int, count: int, dialect: Dialect) -> str:
    """Their name of a level, which is counted from the image's resolution here."""
    if half == "encoder":
        return f"encoder.{dialect.down}.{level}"
    return f"decoder.{dialect.up}.{level if dialect.downwards else count - 1 - level}"


def _block(theirs: str, ours: str, dialect: Dialect) -> dict[str, str]:
    layers = ("norm1", "conv1", "norm2", "conv2")
    return {f"{theirs}.{dialect.shortcut}": f"{ours}.shortcut"} | {f"{theirs}.{x}": f"{ours}.{x}" for x in layers}


def _attention(theirs: str, ours: str, dialect: Dialect) -> dict[str, str]:
    return {f"{theirs}.{x}": f"{ours}.{y}" for x, y in zip(dialect.projections, ATTENTION, strict=True)}


def _linear(key: str, tensor: Tensor, dialect: Dialect) -> Tensor:
    """A 1x1 convolution's weight as a linear layer's where it belongs to an attention; any other tensor as it is."""
    layer = key.removesuffix(".weight")
    attends = layer != key and layer.endswith(tuple(f".{name}" for name in dialect.projections[1:]))
    return tensor.flatten(1) if attends and tensor.shape[2:] == (1, 1) else tensor


def _count(state: State, prefix: str, suffix: str) -> int:
    """How many of prefix.0.suffix, prefix.1.suffix, ... the state has."""
    return next(i for i in itertools.count() if f"{prefix}.{i}.{suffix}" not in state)
