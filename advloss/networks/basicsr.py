"""Weights under the key names of XPixelGroup/BasicSR: its and Real-ESRGAN's discriminators.

Every function takes a file as `torch.load(path, weights_only=True)` gives it, a state dict or one within `params_ema`
or `params`, and returns `(component, state)`: the component as a recipe writes it, with what keys and shapes tell, and
the same tensors under our network's keys. Raises InputError that names missing, unexpected and wrongly shaped tensors.
"""

import math
from collections.abc import Mapping
from typing import Any

from advloss.networks.state_dicts import Component, Result, State, kernel, plain, renamed, unlike
from advloss.networks.unet_discriminator import UNetDiscriminator
from advloss.networks.vgg_style import VGGStyleDiscriminator

PROJECT = "BasicSR"
File = State | Mapping[str, Any]


def discriminator_from(file: File) -> Result:
    """A VGG-style or a U-Net discriminator, whichever the keys say."""
    state = network_state(file)
    if "conv0_0.weight" in state:
        return vgg_style_from(state)
    if "conv0.weight" in state:
        return unet_from(state)
    raise unlike(state, "a VGG-style (conv0_0.weight) or a U-Net discriminator (conv0.weight)", PROJECT)


def vgg_style_from(file: File) -> Result:
    """A `VGGStyleDiscriminator` (its VGGStyleDiscriminator for 128 or 256 pixels)."""
    state = network_state(file)
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
    }
    return component, renamed(state, names, VGGStyleDiscriminator, component)


def unet_from(file: File) -> Result:
    """A `UNetDiscriminator` (its UNetDiscriminatorSN; one with skip connections, as Real-ESRGAN's published ones).

    Its spectral norm is of the older form that keeps `weight_orig`, `weight_u` and `weight_v`.
    """
    state = network_state(file)
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
    component: Component = {"name": "unet", "in_channels": first.shape[1], "width": first.shape[0]}
    return component, renamed(state, names, UNetDiscriminator, component)


def network_state(file: File) -> State:
    """The tensors of a file: those within `params_ema`, or `params`, or itself."""
    for key in ("params_ema", "params"):
        within = file.get(key)
        if isinstance(within, Mapping):
            return plain(within)
    return plain(file)
