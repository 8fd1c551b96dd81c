"""A network's receptive field and the grid that it computes on, found by trying.

A pixel that is not a number makes all that depends on it not a number. A network that computes in windows (attention)
gives another result for a shifted image, unless the shift is a whole number of windows.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.inference.tiles.norm_statistics import HeldStatistics
from advloss.networks.layers.padding import padded_side

FIRST, LAST = 512, 2048
"""Lengths, in pixels, of the images that are tried. A network that sees farther than half the last one counts as one
that sees the whole image."""
THICKEST = 256
LARGEST = 64
"""The largest grid, in pixels, that is looked for. Networks that take multiples of that or more compute on those."""
SHIFTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Grids that are tried, in units of `network.multiple`."""
SAME = 1e-3
"""By how much two pictures may differ that are the same, as a fraction of the largest value: rounding, and no more."""


def sight(network: nn.Module, noisy: bool = False, channels: int = 3) -> tuple[int | None, int]:
    """How far a network sees beyond a tile's border (see `reach`), and the step, in pixels, of the grid it computes on.

    Tiles that start on that grid compute what the whole image computes. A network that has none counts as one that sees
    the whole image. noisy: whether no two passes are alike; then only the way in which pixels spread is looked at.
    """
    multiple = int(getattr(network, "multiple", 1))
    seen = reach(network, channels=channels)
    if seen is None or multiple >= LARGEST:
        return seen, multiple
    # with fixed statistics some networks' values grow until rounding decides
    step = period(network, seen, noisy or norm_calls(network, channels) > 0, channels)
    if step is None:
        return None, multiple
    return (seen if step == multiple else reach(network, step, channels)), step


@torch.inference_mode()
def period(network: nn.Module, seen: int, noisy: bool = False, channels: int = 3) -> int | None:
    """The least shift of an image, in pixels, that only shifts the output, away from the borders; None: there is none.

    seen: the network's reach. Two things must hold: a pixel that is not a number spoils the same places around it, so
    that windows show however little is made of them; and the values are the same, unless the network is `noisy`.
    """
    multiple = int(getattr(network, "multiple", 1))
    shape = channels, least_side(network, channels)
    shifts = [multiple * n for n in SHIFTS if multiple * n <= max(LARGEST, multiple)]
    for shift in shifts:
        if all(_shifts(network, axis, shift, seen, shape, noisy) for axis in (-1, -2)):
            return shift
    return None


def _shifts(network: nn.Module, axis: int, shift: int, seen: int, shape: tuple[int, int], noisy: bool) -> bool:
    """Whether an image that is shifted along an axis gives the shifted output. shape: its channels, its other side."""
    multiple, scale = (int(getattr(network, name, 1)) for name in ("multiple", "scale"))
    # where windows hide how far is seen from their other end, it is a window more at most
    margin = seen + (2 * shift if shift > multiple else 0)
    length = padded_side(network, max(2 * margin + 3 * shift, 2 * shape[1]))
    place = length // 2 // multiple * multiple - shift // multiple // 2 * multiple
    first, second = (_spoilt(network, axis, shape, length, start) for start in (place, place + shift))
    if not torch.equal(first[: -shift * scale], second[shift * scale :]):
        return False
    if noisy:
        return True
    image = torch.rand(_shape(axis, shape, length + shift), generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = image.to(device_of(network))
    first, second = (_run(network, image.narrow(axis, start, length)) for start in (0, shift))
    kept = (length - 2 * margin - shift) * scale
    first = first.narrow(axis, (margin + shift) * scale, kept)
    second = second.narrow(axis, margin * scale, kept)
    return bool((first - second).abs().max() <= SAME * first.abs().max()) or not bool(first.isfinite().all())


@torch.inference_mode()
def reach(network: nn.Module, step: int | None = None, channels: int = 3) -> int | None:
    """How many pixels beyond a tile's border the network looks, at most, to any side. None: at the whole image.

    Columns that are not a number go through the network within a thin image, and rows; an output that depends on none
    of them stays a number. They are `step` wide (`network.multiple` if not given), so that they meet every phase of
    strided layers and windows. Norms that compute statistics of their input have fixed ones here, as in tiles. What a
    weight of zero hides counts as seen.
    """
    shape = channels, least_side(network, channels)
    step = int(getattr(network, "multiple", 1)) if step is None else step
    length, farthest = max(FIRST, 8 * step), 0
    for axis in (-1, -2):
        found = _reach_along(network, axis, shape, length, step)
        while found is None and length < max(LAST, 16 * step):
            length *= 2
            found = _reach_along(network, axis, shape, length, step)
        if found is None:
            return None
        farthest = max(farthest, found)
    return farthest


def _reach_along(network: nn.Module, axis: int, shape: tuple[int, int], length: int, step: int) -> int | None:
    """The reach along one axis; None if it is more than an image of this length can show."""
    scale = int(getattr(network, "scale", 1))
    length = padded_side(network, length)
    middle = length // 2 // step * step
    spoilt = _spoilt(network, axis, shape, length, middle, step)
    places = spoilt.nonzero()[:, 0].tolist()
    if not places:
        return 0
    if places[0] == 0 or places[-1] == len(spoilt) - 1:
        return None
    before, after = middle * scale - places[0], places[-1] + 1 - (middle + step) * scale
    return max(0, -(-max(before, after) // scale))


def _spoilt(
    network: nn.Module, axis: int, shape: tuple[int, int], length: int, start: int, width: int | None = None
) -> Tensor:
    """What depends on [start, start + width) of an axis, `network.multiple` if not given: bool [length * scale]."""
    image = torch.zeros(_shape(axis, shape, length), device=device_of(network))
    image.narrow(axis, start, width or int(getattr(network, "multiple", 1))).fill_(torch.nan)
    return _run(network, image).isnan().any(1).any(-1 if axis == -2 else -2)[0]


def _shape(axis: int, shape: tuple[int, int], length: int) -> list[int]:
    channels, thickness = shape
    sides = [1, channels, thickness, thickness]
    sides[axis] = length
    return sides


def least_side(network: nn.Module, channels: int = 3) -> int:
    """The smallest side, in pixels, of images that the network takes, found by trying."""
    side = padded_side(network, 1)
    device = device_of(network)
    while True:
        try:
            _run(network, torch.zeros(1, channels, side, 2 * side, device=device))
            _run(network, torch.zeros(1, channels, 2 * side, side, device=device))
            return side
        except (RuntimeError, InputError, ValueError):
            if 2 * side > max(THICKEST, padded_side(network, 1)):
                raise
            side = padded_side(network, 2 * side)


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are; the CPU if it has none."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


@torch.inference_mode()
def norm_calls(network: nn.Module, channels: int = 3) -> int:
    """How often, in one pass, the network normalises by statistics of its input."""
    side = padded_side(network, 2 * least_side(network, channels))
    with HeldStatistics(fixed=True) as held, without_a_trace(device_of(network)):
        network(torch.zeros(1, channels, side, side, device=device_of(network)))
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
