"""How far a network sees, found by trying: a pixel that is not a number spoils all that depends on it."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from advloss.errors import InputError
from advloss.inference.statistics import HeldStatistics
from advloss.methods.padding import padded_side

FIRST, LAST = 512, 2048
"""Lengths, in pixels, of the images that are tried. Who sees farther than half the last one sees the whole image."""
THICKEST = 256


@torch.inference_mode()
def reach(network: nn.Module) -> int | None:
    """How many pixels beyond a tile's border the network looks, at most, to any side. None: at the whole image.

    Columns that are not a number go through the network within a thin image, and rows; an output that depends on none
    of them stays a number. They are `network.multiple` wide, so that they meet every phase of strided layers. Norms
    that compute statistics of their input have fixed ones here, as they have in tiles. What a weight of zero hides
    counts as seen.
    """
    thickness = least_side(network)
    multiple = int(getattr(network, "multiple", 1))
    length, farthest = max(FIRST, 8 * multiple), 0
    for axis in (-1, -2):
        found = _reach_along(network, axis, thickness, length)
        while found is None and length < max(LAST, 16 * multiple):
            length *= 2
            found = _reach_along(network, axis, thickness, length)
        if found is None:
            return None
        farthest = max(farthest, found)
    return farthest


def _reach_along(network: nn.Module, axis: int, thickness: int, length: int) -> int | None:
    """The reach along one axis; None if it is more than an image of this length can show."""
    multiple, scale = (int(getattr(network, name, 1)) for name in ("multiple", "scale"))
    length = padded_side(network, length)
    middle = length // 2 // multiple * multiple
    shape = [1, 3, thickness, thickness]
    shape[axis] = length
    device = device_of(network)
    image = torch.zeros(shape, device=device)
    image.narrow(axis, middle, multiple).fill_(torch.nan)
    spoilt = _run(network, image).isnan().any(1).any(-1 if axis == -2 else -2)[0]  # [length * scale]
    places = spoilt.nonzero()[:, 0].tolist()
    if not places:
        return 0
    if places[0] == 0 or places[-1] == len(spoilt) - 1:
        return None
    before, after = middle * scale - places[0], places[-1] + 1 - (middle + multiple) * scale
    return max(0, -(-max(before, after) // scale))


def least_side(network: nn.Module) -> int:
    """The smallest side, in pixels, of images that the network takes, found by trying."""
    side = padded_side(network, 1)
    device = device_of(network)
    while True:
        try:
            _run(network, torch.zeros(1, 3, side, 2 * side, device=device))
            _run(network, torch.zeros(1, 3, 2 * side, side, device=device))
            return side
        except (RuntimeError, InputError, ValueError):
            if 2 * side > max(THICKEST, padded_side(network, 1)):
                raise
            side = padded_side(network, 2 * side)


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are; the CPU if it has none."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


@torch.inference_mode()
def norm_calls(network: nn.Module) -> int:
    """How often, in one pass, the network normalises by statistics of its input."""
    side = padded_side(network, 2 * least_side(network))
    with HeldStatistics(fixed=True) as held, without_a_trace(device_of(network)):
        network(torch.zeros(1, 3, side, side, device=device_of(network)))
    return held.calls


def without_a_trace(device: torch.device) -> AbstractContextManager[None]:
    """Within it, random numbers are drawn as if it had not been there."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _run(network: nn.Module, image: Tensor) -> Tensor:
    # cuDNN's fast algorithms for convolutions compute blocks of pixels together, and would spoil whole blocks
    exact = torch.backends.cudnn.flags(enabled=False)
    with HeldStatistics(fixed=True), exact, without_a_trace(image.device):
        output: Tensor = network(image)
    return output
