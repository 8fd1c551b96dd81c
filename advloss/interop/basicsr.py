"""Weights under the key names of XPixelGroup/BasicSR: its, ESRGAN's and Real-ESRGAN's generators and discriminators.

Every function takes a file as `torch.load(path, weights_only=True)` gives it, a state dict or one within `params_ema`
or another key that `state_dicts.plain` knows, and returns `(component, state)`: the component as a recipe writes it,
with what keys and shapes tell, and the same tensors under our network's keys. All these weights are for images in
[0, 1]; our networks take [-1, 1], as everywhere, and convert them (a discriminator by `unit_range`). What keys and
shapes can't tell is left to the network's defaults (the residual scale). Raises InputError that names missing,
unexpected and wrongly shaped tensors.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

from advloss.core.errors import InputError
from advloss.interop.state_dicts import Component, Result, State, kernel, plain, renamed, unlike
from advloss.networks.discriminators.unet import UNetDiscriminator
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srvgg import SRVGG

PROJECT = "BasicSR"
File = State | Mapping[str, Any]
SCALES = (1, 2, 3, 4)


def generator_from(file: File) -> Result:
    """An RRDBNet, an MSRResNet or an SRVGG, whichever the keys say."""
    state = plain(file)
    if any(".rdb1.conv1." in key.lower() for key in state):
        return rrdbnet_from(state)
    if "conv_first.weight" in state and ("conv_hr.weight" in state or "upconv1.weight" in state):
        return msrresnet_from(state)
    if "body.0.weight" in state:
        return srvgg_from(state)
    wanted = "an RRDBNet (body.0.rdb1.conv1.weight), an MSRResNet (conv_first.weight, conv_hr.weight) or an SRVGG"
    raise unlike(state, f"{wanted} (body.0.weight)", PROJECT)


def msrresnet_from(file: File) -> Result:
    """An `MSRResNet` (its MSRResNet) of any width and number of blocks, x2, x3 or x4."""
    state = plain(file)
    first = kernel(state, "conv_first.weight", "an MSRResNet", PROJECT)
    last = kernel(state, "conv_last.weight", "an MSRResNet", PROJECT)
    width, blocks = first.shape[0], _count(state, "body")
    if "upconv2.weight" in state:
        scale = 4
    else:
        shuffled = kernel(state, "upconv1.weight", "an MSRResNet", PROJECT).shape[0]
        scale = _scale(shuffled, width, "upconv1.weight", "MSRResNet")
    names = {"conv_first": "first.conv", "conv_hr": "hr.conv", "conv_last": "last", "upconv1": "ups.0.conv"}
    if scale == 4:
        names["upconv2"] = "ups.1.conv"
    for i in range(blocks):
        names |= {f"body.{i}.conv{j}": f"blocks.{i}.conv{j}" for j in (1, 2)}
    component: Component = {
        "name": "msrresnet",
        "in_channels": first.shape[1],
        "out_channels": last.shape[0],
        "scale": scale,
        "width": width,
        "blocks": blocks,
    }
    return component, renamed(state, names, MSRResNet, component)


def rrdbnet_from(file: File) -> Result:
    """An `RRDBNet` of any width, growth and number of blocks, under any of the three spellings of its keys.

    BasicSR's (`body.0.rdb1.conv1.weight`: Real-ESRGAN too), that of ESRGAN's and BSRGAN's files
    (`RRDB_trunk.0.RDB1.conv1.weight`), and that of ESRGAN's first code (`model.1.sub.0.RDB1.conv1.0.weight`).
    A file whose network enlarges once, by 2 or by 3, doesn't say by how much: it is taken for 2, as the published are.
    """
    state = plain(file)
    names, blocks, ups = _rrdbnet_names(state)
    theirs = {ours: layer for layer, ours in names.items()}
    first, last, grow = (
        kernel(state, f"{theirs[layer]}.weight", "an RRDBNet", PROJECT)
        for layer in ("first", "last", "blocks.0.dense.0.grow.0")
    )
    unshuffled = next((factor for factor in (1, 2, 4) if first.shape[1] == last.shape[0] * factor**2), None)
    scales = {(2, 1): 4, (2, 2): 2, (2, 4): 1, (1, 1): 2, (0, 1): 1}  # of enlargements, unshuffling
    if unshuffled is None or (ups, unshuffled) not in scales:
        raise InputError(
            f"an RRDBNet with {first.shape[1]} channels at its first layer, {last.shape[0]} at its last and {ups} "
            "enlargements is none of scale 1, 2 or 4, which are read here"
        )
    component: Component = {
        "name": "rrdbnet",
        "in_channels": last.shape[0],
        "out_channels": last.shape[0],
        "scale": scales[ups, unshuffled],
        "width": first.shape[0],
        "blocks": blocks,
        "growth": grow.shape[0],
        "unshuffle": ups == 2,
    }
    return component, renamed(state, names, RRDBNet, component)


def _rrdbnet_names(state: State) -> tuple[dict[str, str], int, int]:
    """(their layers to ours, number of blocks, number of enlargements) under the spelling that the state has."""
    if "model.0.weight" in state:  # one list of layers, with two without weights after each enlargement's convolution
        body, dense, conv = "model.1.sub", "RDB", ".0"
        blocks = _count(state, body, ".RDB")
        ups = sum(f"model.{place}.weight" in state for place in (3, 6, 9))
        end = 3 * ups + 2
        places = ["model.0", f"{body}.{blocks}", f"model.{end}", f"model.{end + 2}"]
        enlarging = [f"model.{3 * i + 3}" for i in range(ups)]
    elif "RRDB_trunk.0.RDB1.conv1.weight" in state:
        body, dense, conv = "RRDB_trunk", "RDB", ""
        blocks, ups = _count(state, body), 2 if "upconv2.weight" in state else 1
        places = ["conv_first", "trunk_conv", "HRconv", "conv_last"]
        enlarging = [f"upconv{i + 1}" for i in range(ups)]
    else:
        body, dense, conv = "body", "rdb", ""
        blocks, ups = _count(state, body), 2
        places = ["conv_first", "conv_body", "conv_hr", "conv_last"]
        enlarging = ["conv_up1", "conv_up2"]
    names = dict(zip(places, ("first", "trunk", "hr", "last"), strict=True))
    names |= {layer: f"ups.{i}" for i, layer in enumerate(enlarging)}
    for i, j in itertools.product(range(max(blocks, 1)), range(3)):
        theirs, ours = f"{body}.{i}.{dense}{j + 1}", f"blocks.{i}.dense.{j}"
        names |= {f"{theirs}.conv{k + 1}{conv}": f"{ours}.grow.{k}" for k in range(4)}
        names[f"{theirs}.conv5{conv}"] = f"{ours}.fuse"
    return names, blocks, ups


def srvgg_from(file: File, activation: Literal["relu", "leaky_relu"] | None = None) -> Result:
    """An `SRVGG` (its SRVGGNetCompact) of any width and number of convolutions, x1 to x4.

    activation: for a file without PReLU's weights, whose keys don't tell which of the two it has.
    """
    state = plain(file)
    first = kernel(state, "body.0.weight", "an SRVGG", PROJECT)
    convolutions = sum(tensor.dim() == 4 for tensor in state.values()) - 2
    end = f"body.{2 * convolutions + 2}.weight"
    scale = _scale(kernel(state, end, "an SRVGG", PROJECT).shape[0], first.shape[1], end, "SRVGG")
    learned = any(tensor.dim() == 1 and key.endswith(".weight") for key, tensor in state.items())
    if not learned and activation is None:
        raise InputError(
            "an SRVGG without PReLU's weights (body.1.weight): its keys don't tell whether it has ReLU or LeakyReLU; "
            "basicsr.srvgg_from(file, activation=...) takes which"
        )
    names = {f"body.{2 * i}": f"body.{i}.conv" for i in range(convolutions + 1)}
    names |= {f"body.{2 * i + 1}": f"body.{i}.activation" for i in range(convolutions + 1)}
    names[end.removesuffix(".weight")] = "last"
    component: Component = {
        "name": "srvgg",
        "in_channels": first.shape[1],
        "out_channels": first.shape[1],
        "scale": scale,
        "width": first.shape[0],
        "convolutions": convolutions,
        "activation": "prelu" if learned else activation,
    }
    return component, renamed(state, names, SRVGG, component)


def _count(state: State, body: str, within: str = ".") -> int:
    """How many blocks the keys name: `body.0.`, `body.1.`, ...; of a body with other layers, those with `within`."""
    rest = [key.removeprefix(f"{body}.") for key in state if key.startswith(f"{body}.")]
    return len({name.split(".")[0] for name in rest if within in name})


def _scale(shuffled: int, channels: int, key: str, network: str) -> int:
    """The factor by which pixel shuffle makes `channels` of `shuffled` channels."""
    for scale in SCALES:
        if shuffled == channels * scale**2:
            return scale
    raise InputError(f"{key} makes {shuffled} channels, and an {network} has {channels} times 1, 4, 9 or 16 there")


def discriminator_from(file: File) -> Result:
    """A VGG-style or a U-Net discriminator, whichever the keys say, for images in [-1, 1]."""
    state = plain(file)
    if "conv0_0.weight" in state:
        return vgg_style_from(state)
    if "conv0.weight" in state:
        return unet_from(state)
    raise unlike(state, "a VGG-style (conv0_0.weight) or a U-Net discriminator (conv0.weight)", PROJECT)


def vgg_style_from(file: File) -> Result:
    """A `VGGStyleDiscriminator` (its VGGStyleDiscriminator for 128 or 256 pixels)."""
    state = plain(file)
    first = kernel(state, "conv0_0.weight", "a VGG-style discriminator", PROJECT)
    levels = sum(key.endswith("_1.weight") and key.startswith("conv") for key in state)
    names = {"conv0_0": "body.0.conv", "linear1": f"body.{2 * levels}.dense", "linear2": "last"}
    for place in range(1, 2 * levels):
        theirs = f"{place // 2}_{place % 2}"
        names |= {f"conv{theirs}": f"body.{place}.conv", f"bn{theirs}": f"body.{place}.norm"}
    deepest = kernel(state, f"conv{levels - 1}_1.weight", "a VGG-style discriminator", PROJECT)
    if "linear1.weight" not in state:
        raise unlike(state, "a VGG-style discriminator (linear1.weight)", PROJECT)
    hidden, flat = state["linear1.weight"].shape
    component: Component = {
        "name": "vgg_style",
        "in_channels": first.shape[1],
        "width": first.shape[0],
        "levels": levels,
        "grid": max(1, math.isqrt(flat // deepest.shape[0])),
        "hidden": hidden,
        "down_kernel": deepest.shape[-1],
        "unit_range": True,
    }
    return component, renamed(state, names, VGGStyleDiscriminator, component)


def unet_from(file: File) -> Result:
    """A `UNetDiscriminator` (its UNetDiscriminatorSN; one with skip connections, as Real-ESRGAN's published ones).

    Its spectral norm is of the older form that keeps `weight_orig`, `weight_u` and `weight_v`.
    """
    state = plain(file)
    first = kernel(state, "conv0.weight", "a U-Net discriminator", PROJECT)
    convolutions = ["downs.0", "downs.1", "downs.2", "ups.0", "ups.1", "ups.2", "ends.0", "ends.1"]
    names = {"conv0": "first.conv", "conv9": "last"}
    for i, layer in enumerate(convolutions, start=1):
        weight = f"{layer}.conv.parametrizations.weight"
        names |= {
            f"conv{i}.weight_orig": f"{weight}.original",
            f"conv{i}.weight_u": f"{weight}.0._u",
            f"conv{i}.weight_v": f"{weight}.0._v",
        }
    component: Component = {"name": "unet", "in_channels": first.shape[1], "width": first.shape[0], "unit_range": True}
    return component, renamed(state, names, UNetDiscriminator, component)
