"""All pictures of a training set in the device's memory, and batches made there."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advloss.data.loading.cache import Cache
from advloss.data.sampling.samples import SamplePictures, Skip


class Stored(NamedTuple):
    """Where a picture lies among the others: its first byte, and its shape (3, H, W)."""

    start: int
    shape: tuple[int, int, int]


class StoredSide:
    """One side's pictures, which lie elsewhere: `get` says where."""

    def __init__(self, kept: Cache, start: int) -> None:
        self.source, self.bad = kept.source, kept.bad
        self.places: list[Stored] = []
        self.end = start
        for index, picture in enumerate(kept.pictures):
            channels, height, width = picture.shape if index not in kept.bad else (3, 0, 0)
            self.places.append(Stored(self.end, (channels, height, width)))
            self.end += channels * height * width

    def get(self, index: int) -> Stored:
        """Raises `UnreadableImage`."""
        if index in self.bad:
            raise self.bad[index]
        return self.places[index]


def stored(sides: Mapping[str, Cache], device: torch.device) -> tuple[dict[str, StoredSide], Tensor]:
    """The pictures sent to the device, one after the other whatever their sizes: where each lies, and uint8 [N]."""
    places: dict[str, StoredSide] = {}
    end = 0
    for letter, kept in sides.items():
        places[letter] = StoredSide(kept, end)
        end = places[letter].end
    pixels = torch.empty(end, dtype=torch.uint8, device=device)
    for letter, kept in sides.items():
        for index, place in enumerate(places[letter].places):
            if index not in kept.bad:
                picture = torch.from_numpy(kept.pictures[index].reshape(-1))
                pixels[place.start : place.start + len(picture)] = picture
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # once: batches are made on other streams
    return places, pixels


class DeviceCache:
    """Batch after batch, cut, mirrored and turned on the device: the bytes that `Samples` makes on the host.

    Pixel (c, y, x) of a sample is the picture's byte at first + plane * c + down * y + across * x, whatever way it is
    turned, so four numbers a sample are all that the host sends, and it does not wait for the device.

    choices: of pictures that lie in `pixels`, uint8 [N] on the device.
    """

    def __init__(self, choices: SamplePictures[Stored], pixels: Tensor) -> None:
        self.choices = choices
        self.pixels = pixels
        self.steps = {size: torch.arange(size, device=pixels.device) for size in {3, *choices.sizes.values()}}

    def batch(self, number: int) -> tuple[dict[str, Tensor], list[Skip]]:
        """uint8 [B, 3, crop, crop], of a small a [B, 3, crop / scale, crop / scale]; what was found unreadable."""
        sizes = self.choices.sizes
        before = len(self.choices.bad)
        numbers: dict[str, list[tuple[int, ...]]] = {letter: [] for letter in sizes}
        for item in self.choices.order.items(number):
            for letter, (crop, picture) in self.choices.of(item).items():
                _, height, width = picture.shape
                first, down, across = crop.steps(width)
                numbers[letter].append((picture.start + first, height * width, down, across))
        sent = self._sent(np.array([*numbers.values()], np.int64))  # [sides, B, 4]
        made = {letter: self._cut(sent[side], size) for side, (letter, size) in enumerate(sizes.items())}
        return made, list(self.choices.bad.values())[before:]

    def _sent(self, numbers: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(numbers)
        return tensor.pin_memory().to(self.pixels.device, non_blocking=True) if self.pixels.is_cuda else tensor

    def _cut(self, numbers: Tensor, size: int) -> Tensor:
        """int64 [B, 4] -> uint8 [B, 3, size, size]."""
        first, plane, down, across = numbers[:, :, None, None, None].unbind(1)  # [B, 1, 1, 1] each
        places = torch.addcmul(first, plane, self.steps[3][:, None, None])  # [B, 3, 1, 1]
        places = torch.addcmul(places, down, self.steps[size][:, None])  # [B, 3, size, 1]
        return self.pixels.take(torch.addcmul(places, across, self.steps[size]))  # [B, 3, size, size]
