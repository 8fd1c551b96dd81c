"""Enlarging an image with `advloss upscale`'s engine, against the plain call of the same network in float32."""

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from advloss.errors import InputError
from advloss.inference.tiling import Tiler
from advloss.losses.metrics import psnr
from advloss.recipe.components import GENERATORS
from tools.benchmarks import measure

NETWORKS = ("msrresnet", "rrdbnet", "srvgg", "srresnet")
Run = Callable[[Tensor], Tensor]


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--network", choices=NETWORKS, default="msrresnet", help="with its default settings")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--height", type=int, default=128, help="of the small image, in pixels")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pairs", type=int, default=7, help="of alternating measurements")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The plain call and each faster way in turn; ratios are medians over the pairs."""
    device = measure.chosen_device(arguments.device)
    torch.manual_seed(0)
    network = GENERATORS[arguments.network](scale=arguments.scale).to(device).eval().requires_grad_(False)
    image = smooth(arguments.height, arguments.width).to(device)
    plain = torch.inference_mode()(network)
    exact = plain(image)
    peak = {name: measure.peak_flops(device, name) for name in ("fp32", half_name(device))}
    flops = measure.flops(lambda: plain(image))
    ways: dict[str, Any] = {}
    for name, way in ways_of(network, device).items():
        seconds, faster = paired(lambda: plain(image), lambda way=way: way(image), device, arguments.pairs)
        ways[name] = {"seconds": seconds, "times_as_fast": faster, "psnr_against_plain": similarity(way(image), exact)}
    return {
        "ways": ways,
        "flops": flops,
        "peak_flops_per_second": peak,
        "floor_seconds": {name: flops / value for name, value in peak.items()},
        "peak_memory_bytes": measure.peak_memory(device),
    }


def ways_of(network: nn.Module, device: torch.device) -> dict[str, Run]:
    """What makes it faster, each by itself, then the engine as `advloss upscale` runs it, and in float32."""
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[half_name(device)]
    last = torch.channels_last

    @torch.inference_mode()
    def in_channels_last(image: Tensor) -> Tensor:
        return network(image.contiguous(memory_format=last))

    @torch.inference_mode()
    def in_half(image: Tensor) -> Tensor:
        with torch.autocast(device.type, half):
            return network(image)

    @torch.inference_mode()
    def in_both(image: Tensor) -> Tensor:
        with torch.autocast(device.type, half):
            return network(image.contiguous(memory_format=last))

    return {
        "channels_last": in_channels_last,
        half_name(device): in_half,
        f"{half_name(device)} channels_last": in_both,
        "advloss fp32": Tiler(network, precision="fp32"),
        "advloss": Tiler(network),
    }


def half_name(device: torch.device) -> str:
    """The 16-bit type that the engine takes on the device where it is fast."""
    return "fp16" if device.type == "cuda" else "bf16"


def paired(
    plain: measure.Action, way: measure.Action, device: torch.device, pairs: int
) -> tuple[Any, dict[str, float]]:
    """(seconds of both, how many times as fast `way` is, pair by pair)."""
    measure.alternating(plain, way, device, 2)
    slow, fast = measure.alternating(plain, way, device, pairs)
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return {"plain": measure.spread(slow), "this": measure.spread(fast)}, measure.spread(ratios)


def similarity(image: Tensor, exact: Tensor) -> float | None:
    """PSNR in dB of the files that would be written; None where they are equal."""
    value = statistics.fmean(psnr(image.clamp(-1, 1), exact.clamp(-1, 1)).tolist())
    return None if value == float("inf") else value


def smooth(height: int, width: int) -> Tensor:
    """An image of waves, [1, 3, H, W] in [-1, 1]: noise is not what networks enlarge."""
    if height < 1 or width < 1:
        raise InputError(f"--height {height} --width {width}: must be at least 1")
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    waves = [torch.sin(6 * (k * x + y)) * torch.cos(9 * (x - k * y)) for k in (1, 2, 3)]
    return torch.stack(waves)[None].contiguous()
