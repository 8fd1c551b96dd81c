"""Weights under the key names of junyanz/pytorch-CycleGAN-and-pix2pix: its published and its users' checkpoints.

Those of taesungp/contrastive-unpaired-translation have the same names, and filters between the layers where its
networks are antialiased, as they are by default.

Every function takes a state dict, as `torch.load(path, weights_only=True)` gives it, and returns `(component, state)`:
the component as a recipe writes it ({"name": "resnet", "blocks": 9, ...}), with what keys and shapes tell, and the same
tensors under our network's keys. What they can't tell is left to the network's defaults (the U-Net's dropout; what
eval mode does). Prefixes of DataParallel (`module.`) are taken off; the running statistics that instance norms kept
before torch 0.4 and never used are dropped; a batch counter that older files lack is 0.
Raises InputError that names missing, unexpected and wrongly shaped tensors.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop import state_dicts
from advloss.interop.state_dicts import Component, Result, State, plain, renamed
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.pixel import PixelDiscriminator
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.layers.resampling import BlurredDoubling, BlurredHalving

PROJECT = "pytorch-CycleGAN-and-pix2pix"
HALVING, DOUBLING = BlurredHalving().kernel[0], BlurredDoubling().kernel[0]
"""The filters of antialiased layers, [1, 3, 3] and [1, 4, 4]."""


def generator_from(state: State) -> Result:
    """A ResNet or a U-Net, whichever the keys say."""
    state = plain(state)
    if "model.model.0.weight" in state:
        return unet_from(state)
    if "model.1.weight" in state:
        return resnet_from(state)
    raise _unlike(state, "a ResNet (model.1.weight) or a U-Net (model.model.0.weight)")


def discriminator_from(state: State) -> Result:
    """A PatchGAN or a pixel discriminator, whichever the keys say."""
    state = plain(state)
    if "net.0.weight" in state:
        return pixel_from(state)
    if "model.0.weight" in state:
        return patchgan_from(state)
    raise _unlike(state, "a PatchGAN (model.0.weight) or a pixel discriminator (net.0.weight)")


def resnet_from(state: State) -> Result:
    """A `ResNetGenerator` of any number of blocks, with instance or batch norm, with or without dropout, antialiased or
    not."""
    state = plain(state)
    first = _kernel(state, "model.1.weight", "a ResNet")
    blocks = len({key.split(".")[1] for key in state if ".conv_block." in key})
    down = 4 if "model.7.filt" in state else 3  # how many layers a halving has
    start = 4 + 2 * down  # where the blocks begin
    end = start + blocks
    up = 4 if f"model.{end}.filt" in state else 3
    blurs = {7: HALVING, 11: HALVING} if down == 4 else {}
    blurs |= {end: DOUBLING, end + 4: DOUBLING} if up == 4 else {}
    state = _without_filters(state, blurs)
    inner = state.get(f"model.{start}.conv_block.6.weight")
    dropout = inner is not None and inner.dim() == 4
    second = 6 if dropout else 5  # the place of a block's second convolution: a dropout layer moves it by one

    names = {"model.1": "first.conv", "model.2": "first.norm"}
    for i in range(2):
        at, then = 4 + down * i, end + up * i + (up - 3)  # of the convolutions; a doubling's filter stands before it
        conv = f"ups.{i}.conv.conv" if up == 4 else f"ups.{i}.conv"
        names |= {f"model.{at}": f"downs.{i}.conv", f"model.{at + 1}": f"downs.{i}.norm"}
        names |= {f"model.{then}": conv, f"model.{then + 1}": f"ups.{i}.norm"}
    for i in range(blocks):
        block, ours = f"model.{start + i}.conv_block", f"blocks.{i}"
        names |= {f"{block}.1": f"{ours}.conv1", f"{block}.2": f"{ours}.norm1"}
        names |= {f"{block}.{second}": f"{ours}.conv2", f"{block}.{second + 1}": f"{ours}.norm2"}
    last = f"model.{end + 2 * up + 1}"
    names[last] = "last"

    component: Component = {
        "name": "resnet",
        "in_channels": first.shape[1],
        "out_channels": _kernel(state, f"{last}.weight", "a ResNet").shape[0],
        "width": first.shape[0],
        "blocks": blocks,
        "norm": _norm(state, "model.1.bias"),
        "dropout": 0.5 if dropout else 0.0,
    }
    component |= {"downsample": "antialiased"} if down == 4 else {}
    component |= {"upsample": "antialiased"} if up == 4 else {}
    return component, renamed(state, names, ResNetGenerator, component)


def unet_from(state: State) -> Result:
    """A `UNetGenerator` of any number of levels, with instance or batch norm."""
    state = plain(state)
    first = _kernel(state, "model.model.0.weight", "a U-Net")
    last = _kernel(state, "model.model.3.weight", "a U-Net")
    paths = ["model.model.1.model"]  # where each level's layers are, outermost first: a level holds the next
    while f"{paths[-1]}.3.model.1.weight" in state:
        paths.append(f"{paths[-1]}.3.model")
    levels = 1 + len(paths)

    names = {"model.model.0": "downs.0.conv", "model.model.3": f"ups.{levels - 1}.conv"}
    for level, path in enumerate(paths, start=1):
        innermost = level == levels - 1
        conv = 3 if innermost else 5
        down, up = f"downs.{level}", f"ups.{levels - 1 - level}"
        names |= {f"{path}.1": f"{down}.conv", f"{path}.{conv}": f"{up}.conv", f"{path}.{conv + 1}": f"{up}.norm"}
        if not innermost:
            names[f"{path}.2"] = f"{down}.norm"

    component: Component = {
        "name": "unet",
        "in_channels": first.shape[1],
        "out_channels": last.shape[1],  # a transposed convolution's weight is [in, out, 4, 4]
        "levels": levels,
        "width": first.shape[0],
        "norm": _norm(state, "model.model.0.bias"),
    }
    return component, renamed(state, names, UNetGenerator, component)


def patchgan_from(state: State, root: str = "model", project: str = PROJECT) -> Result:
    """A `PatchGAN` of any number of layers, with instance or batch norm, antialiased or not.

    root: the name that all keys begin with. project: whose file it is, for messages. taming-transformers has the same
    layers under another root.
    """
    state = plain(state)
    first = state_dicts.kernel(state, f"{root}.0.weight", "a PatchGAN", project)
    each = 4 if f"{root}.2.filt" in state else 3  # how many layers a halving has
    filters = [key for key in state if key.endswith(".filt")] if each == 4 else []
    layers = sum(tensor.dim() == 4 for tensor in state.values()) - len(filters) - 2
    state = _without_filters(state, {each * n - 2: HALVING for n in range(1, layers + 1)} if each == 4 else {}, root)
    names = {f"{root}.0": "body.0.conv"}
    for n in range(1, layers + 1):
        at = each * n - 1  # the layer n - 1 ends before it
        names |= {f"{root}.{at}": f"body.{n}.conv", f"{root}.{at + 1}": f"body.{n}.norm"}
    names[f"{root}.{each * layers + 2}"] = "last"
    component: Component = {
        "name": "patchgan",
        "in_channels": first.shape[1],
        "width": first.shape[0],
        "layers": layers,
        "norm": _norm(state, f"{root}.{each - 1}.bias"),
    }
    component |= {"downsample": "antialiased"} if each == 4 else {}
    return component, renamed(state, names, PatchGAN, component)


def pixel_from(state: State) -> Result:
    """A `PixelDiscriminator`, with instance or batch norm."""
    state = plain(state)
    first = _kernel(state, "net.0.weight", "a pixel discriminator")
    names = {"net.0": "body.0.conv", "net.2": "body.1.conv", "net.3": "body.1.norm", "net.5": "last"}
    component: Component = {
        "name": "pixel",
        "in_channels": first.shape[1],
        "width": first.shape[0],
        "norm": _norm(state, "net.2.bias"),
    }
    return component, renamed(state, names, PixelDiscriminator, component)


def _without_filters(state: State, filters: Mapping[int, Tensor], root: str = "model") -> dict[str, Tensor]:
    """The state without the filters of antialiased layers, by the layers' numbers. Raises InputError for other filters
    than the default's: our layers have no others."""
    left = dict(state)
    for number, wanted in filters.items():
        key = f"{root}.{number}.filt"
        found = left.pop(key, None)
        if (
            found is None
            or found.shape[1:] != wanted.shape
            or not torch.allclose(found.float(), wanted.expand_as(found))
        ):
            raise InputError(
                f"{key} is not there or no filter of {list(wanted.shape[1:])} as the project's networks have"
            )
    return left


def _kernel(state: State, key: str, network: str) -> Tensor:
    return state_dicts.kernel(state, key, network, PROJECT)


def _norm(state: State, bias: str) -> str:
    """The norm: a convolution has a bias before instance norm, and none before batch norm."""
    return "instance" if bias in state else "batch"


def _unlike(state: State, wanted: str) -> InputError:
    return state_dicts.unlike(state, wanted, PROJECT)
