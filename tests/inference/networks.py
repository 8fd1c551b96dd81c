"""Networks for tests whose results can be worked out by hand: enlargement that repeats each pixel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.networks.generators.srvgg import SRVGG
from advloss.recipe.build_method import build_method
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read


def nearest_model(path: Path, scale: int = 2) -> Path:
    """A model file whose network repeats each pixel `scale` times along both axes: SRVGG with nothing to add."""
    source = read("srresnet")
    source.assign(("metrics",), {})
    source.override(f"method.scale={scale}")
    source.override("networks.generator={name: srvgg, width: 4, convolutions: 1}")
    recipe = resolve(source)
    method = build_method(recipe)
    state = {name: torch.zeros_like(value) for name, value in method.state_dict().items()}
    save_model(path, recipe, state, {"iteration": 0})
    return path


def black_model(path: Path) -> Path:
    """A translator to black: a ResNet whose last layer's weights are 0 and whose bias is far below -1."""
    source = read("cyclegan-small")
    source.override("networks.generator={name: resnet, width: 2, blocks: 1, norm: instance, upsample: resize}")
    recipe = resolve(source)
    state = {key: torch.zeros_like(value) for key, value in build_method(recipe).state_dict().items()}
    save_model(path, recipe, {k: v - 9 if k.endswith("last.bias") else v for k, v in state.items()}, {})
    return path


def tokenizer_model(
    path: Path,
    bottleneck: str = "{name: vq, codes: 300, channels: 4}",
    seed: int = 0,
    z_channels: tuple[int, int] = (4, 4),
) -> Path:
    """A model file with a tiny tokenizer of random weights: f4, and codes that are spread.

    z_channels: the encoder's and the decoder's.
    """
    source = read("vqgan-small")
    source.override(f"networks.bottleneck={bottleneck}")
    for half, channels in zip(("encoder", "decoder"), z_channels, strict=True):
        source.override(f"networks.{half}.width=8")
        source.override(f"networks.{half}.groups=4")
        source.override(f"networks.{half}.multipliers=[1, 1, 2]")
        source.override(f"networks.{half}.z_channels={channels}")
    recipe = resolve(source)
    torch.manual_seed(seed)
    method = build_method(recipe)
    state = method.state_dict()
    for name, value in state.items():
        if "codebook" in name and name.endswith("weight"):
            state[name] = torch.randn_like(value)
        if name in ("encoder.projection.weight", "decoder.last.weight"):
            state[name] = value * 10
    save_model(path, recipe, state, {"iteration": 0})
    return path


def srvgg_checkpoint(path: Path, scale: int = 2, seed: int = 0) -> SRVGG:
    """A file as Real-ESRGAN's training writes it, and our network with the same random weights."""
    torch.manual_seed(seed)
    ours = SRVGG(scale=scale, width=4, convolutions=1).eval()
    names = {"body.0.conv": "body.0", "body.0.activation": "body.1", "body.1.conv": "body.2"}
    names |= {"body.1.activation": "body.3", "last": "body.4"}
    state = ours.state_dict()
    theirs = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in state.items()}
    torch.save({"params_ema": theirs, "params": {}}, path)
    return ours


def repeated(pixels: np.ndarray, scale: int = 2) -> np.ndarray:
    """[H, W] or [H, W, C], each pixel repeated along both axes."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


class Bands:
    """What `Tiler.bands` is for the network that repeats each pixel, in bands of five rows; it counts its calls."""

    def __init__(self, scale: int = 2, blur: bool = False) -> None:
        self.scale, self.blur = scale, blur
        self.calls = 0
        self.depths: list[int] = []

    def __call__(self, image: Tensor, depth: int) -> Iterator[Tensor]:
        self.calls += 1
        self.depths.append(depth)
        if self.blur:
            image = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), "replicate"), 3, 1)
        large = F.interpolate(image, scale_factor=float(self.scale), mode="nearest")
        yield from large.split(5, dim=2)


MOST_RESIDENT = """
import re
from pathlib import Path

def most_resident():
    # in bytes; not ru_maxrss, which begins with what the process had that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
"""
"""The beginning of a program that measures its own memory, on Linux."""
