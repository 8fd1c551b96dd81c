"""Enlarging an image with `advloss upscale`'s engine, against the plain call of the same network in float32."""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.devices import native_bf16
from advloss.core.errors import InputError
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.precision import half_for
from advloss.inference.tiles.tiler import Tiler
from advloss.interop.basicsr import generator_from
from advloss.losses.metrics import psnr
from advloss.networks.layers.unit_range import to_unit
from advloss.recipe.components import GENERATORS
from advloss.training.precision import Precision
from tools.benchmarks.measuring import counting, floors, measure
from tools.benchmarks.measuring.elsewhere import Elsewhere
from tools.benchmarks.peers import peers_in
from tools.benchmarks.peers.base import commit
from tools.benchmarks.peers.basicsr import BasicSR, enlarging

NETWORKS = ("msrresnet", "rrdbnet", "srvgg", "srresnet")
WAYS = ("channels_last", "half", "half channels_last", "advloss fp32", "advloss")
TOLERANCE = 1e-4
"""Of a peer's output in [-1, 1]."""
Run = Callable[[Tensor], Tensor]


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--network", choices=NETWORKS, default="msrresnet", help="with its default settings")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--height", type=int, default=128, help="of the small image, in pixels")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pairs", type=int, default=7, help="of alternating measurements")
    parser.add_argument("--peer", type=Path, help="a checkout of BasicSR, whose network is the plain call then")
    parser.add_argument("--only", choices=WAYS, nargs="+", default=WAYS, help="of the faster ways")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The plain call and each faster way in alternation; ratios are medians over the pairs."""
    device = measure.chosen_device(arguments.device)
    torch.manual_seed(0)
    network = GENERATORS[arguments.network](scale=arguments.scale).to(device).eval().requires_grad_(False)
    image = smooth(arguments.height, arguments.width).to(device)
    result = {"peer": like_the_peer(arguments, network, image)} if arguments.peer else {}
    exact = torch.inference_mode()(network)(image)
    measure.reset_peak(device)
    ways = {}
    settings = (arguments.peer, arguments.network, arguments.scale, arguments.height, arguments.width)
    with Elsewhere(plain_call, device, *settings) as plain:
        for name, way in ways_of(network, device).items():
            if name not in arguments.only:
                continue
            times, faster = paired(plain, lambda way=way: way(image), device, arguments.pairs)
            kept = similarity(way(image), exact)
            ways[name] = {"seconds": times, "times_as_fast": faster, "psnr_against_plain": kept}
    result |= {"plain_precision": plain_precision(device), "ways": ways} | floors.memory(device)
    return result | {"standing": standings(network, image, ways, exact.nbytes, device)}


def plain_precision(device: torch.device) -> str:
    """What float32 means in convolutions by PyTorch's default settings."""
    return "tf32" if device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "fp32"


def standings(
    network: nn.Module, image: Tensor, ways: dict[str, Any], result_bytes: int, device: torch.device
) -> dict[str, Any]:
    """Each way beside the floor of its precision, which follows from the operations of the plain call in it."""
    least = counting.parameter_bytes(network) + image.nbytes + result_bytes
    plain = plain_precision(device)
    precisions = {name: half_name(device) if name.startswith("half") else plain for name in ways}
    if "advloss" in ways and half_for("auto", network, image) is not None:
        precisions["advloss"] = half_name(device)
    peaks = {name: floors.peaks(device, name) for name in set(precisions.values())}
    found = {}
    for name, precision in precisions.items():
        with Precision(precision, device).autocast(), torch.inference_mode():
            work = counting.counted(lambda: network(image))
        median = ways[name]["seconds"]["this"]["median"]
        standing = floors.standing(median, work, least, peaks[precision])
        found[name] = {"precision": precision, "images_per_second": 1 / median} | standing
    return found


def plain_call(
    device: torch.device, peer: Path | None, name: str, scale: int, height: int, width: int
) -> measure.Action:
    """The plain call in float32: of BasicSR's network, or of our own if there is no checkout."""
    torch.manual_seed(0)
    network = enlarging(peer, name, scale) if peer else GENERATORS[name](scale=scale)
    network.to(device).eval().requires_grad_(False)
    image = smooth(height, width).to(device)
    image = to_unit(image) if peer else image
    call: measure.Action = torch.inference_mode()(lambda: network(image))
    return call


def like_the_peer(arguments: argparse.Namespace, network: nn.Module, image: Tensor) -> dict[str, Any]:
    """Gives our network BasicSR's weights. Raises InputError if the results differ."""
    path = arguments.peer
    if peers_in(path)[0] is not BasicSR:
        raise InputError(f"--peer {path}: enlarging is compared with {BasicSR.project}")
    theirs = enlarging(path, arguments.network, arguments.scale).to(image.device).eval().requires_grad_(False)
    network.load_state_dict(generator_from(theirs.state_dict())[1])
    with torch.inference_mode(), Precision("fp32", image.device).settings():
        apart = (2 * theirs(to_unit(image)) - 1 - network(image)).abs().max().item()
    if apart > TOLERANCE:
        raise InputError(f"--peer {path}: its output is not ours: they differ by {apart:.3g} of [-1, 1]")
    return {"project": BasicSR.project, "commit": commit(path), "largest_difference": apart, "tolerance": TOLERANCE}


def ways_of(network: nn.Module, device: torch.device) -> dict[str, Run]:
    """Each faster way by itself, then the engine of `advloss upscale`, in float32 and as it chooses.

    Ways in 16 bits only where the device has instructions for them: elsewhere they take minutes.
    """
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

    halves = {"half": in_half, "half channels_last": in_both} if device.type == "cuda" or native_bf16() else {}
    engines = {"advloss fp32": Tiler(network, TileOptions(precision="fp32")), "advloss": Tiler(network)}
    return {"channels_last": in_channels_last, **halves, **engines}


def half_name(device: torch.device) -> str:
    """The 16-bit type that the engine uses on this device, if that is fast there."""
    return "fp16" if device.type == "cuda" else "bf16"


def paired(plain: measure.Timed, way: measure.Action, device: torch.device, pairs: int) -> tuple[Any, dict[str, float]]:
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
