"""Measures a network's receptive field and the grid on which it computes.

A NaN pixel makes every output that depends on it NaN. A network that computes in windows (attention) gives another
result for a shifted image, unless the shift is a whole number of windows.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.inference.tiles.norm_statistics import HeldStatistics
from advloss.networks.layers.padding import padded_side

FIRST, LAST = 512, 2048
"""Lengths of the images that are tried, in pixels. If a network's reach is more than half of the last one, it counts as
the whole image."""
THICKEST = 256
LARGEST = 64
"""The largest grid that is looked for, in pixels. If a network's `multiple` is as large, that is taken as its grid."""
SHIFTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Grids that are tried, in units of `network.multiple`."""
SAME = 1e-3
"""Two pictures are the same if they differ by less than this fraction of the largest value, which allows rounding."""


def sight(network: nn.Module, noisy: bool = False, channels: int = 3) -> tuple[int | None, int]:
    """The reach of a network's receptive field (see `reach`), and the grid on which it computes, both in pixels.

    Tiles that start on the grid give the output of the whole image. If no grid is found, the reach is None, the whole
    image. noisy: whether two passes differ; then values are not compared, only which outputs become NaN.
    """
    multiple = int(getattr(network, "multiple", 1))
    seen = reach(network, channels=channels)
    if seen is None or multiple >= LARGEST:
        return seen, multiple
    # with fixed statistics the values of some networks grow, so that rounding changes them much
    step = period(network, seen, noisy or norm_calls(network, channels) > 0, channels)
    if step is None:
        return None, multiple
    return (seen if step == multiple else reach(network, step, channels)), step


@torch.inference_mode()
def period(network: nn.Module, seen: int, noisy: bool = False, channels: int = 3) -> int | None:
    """The smallest shift of an image, in pixels, that shifts the output and changes nothing else, away from the
    borders; None if there is none.

    seen: the network's reach. A NaN pixel must make the same places around it NaN, which finds windows of any weight;
    and the values must be the same, unless the network is `noisy`.
    """
    multiple = int(getattr(network, "multiple", 1))
    shape = channels, least_side(network, channels)
    shifts = [multiple * n for n in SHIFTS if multiple * n <= max(LARGEST, multiple)]
    for shift in shifts:
        if all(_shifts(network, axis, shift, seen, shape, noisy) for axis in (-1, -2)):
            return shift
    return None


def _shifts(network: nn.Module, axis: int, shift: int, seen: int, shape: tuple[int, int], noisy: bool) -> bool:
    """Whether an image that is shifted along an axis gives the shifted output. shape: (channels, its other side)."""
    multiple, scale = (int(getattr(network, name, 1)) for name in ("multiple", "scale"))
    # with windows, the reach measured from one end may be too small, by one window at most
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
    """The largest distance in pixels, to any side, between an output and an input that it depends on; None: the whole
    image.

    A thin image with NaN columns goes through the network, and one with NaN rows; outputs that don't depend on them are
    not NaN. The columns are `step` wide (by default `network.multiple`), so that they meet every phase of strided
    layers and windows. Norms that compute statistics of their input have fixed ones here, as in tiles. Inputs with a
    weight of zero count too, since 0 times NaN is NaN.
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
    """The outputs along an axis that depend on inputs [start, start + width): bool [length * scale].

    width: by default `network.multiple`.
    """
    image = torch.zeros(_shape(axis, shape, length), device=device_of(network))
    image.narrow(axis, start, width or int(getattr(network, "multiple", 1))).fill_(torch.nan)
    return _run(network, image).isnan().any(1).any(-1 if axis == -2 else -2)[0]


def _shape(axis: int, shape: tuple[int, int], length: int) -> list[int]:
    channels, thickness = shape
    sides = [1, channels, thickness, thickness]
    sides[axis] = length
    return sides


def least_side(network: nn.Module, channels: int = 3) -> int:
    """The smallest side, in pixels, of images that the network takes. It tries sides from small to large."""
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
    """A context in which random numbers may be drawn; after it the global random state is as before."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _run(network: nn.Module, image: Tensor) -> Tensor:
    # cuDNN's fast convolutions compute blocks of pixels together, so that a NaN would spread in a whole block
    exact = torch.backends.cudnn.flags(enabled=False)
    with HeldStatistics(fixed=True), exact, without_a_trace(image.device):
        output: Tensor = network(image)
    return output
