"""The device cache: all pictures of a training set in the device's memory, and batches that are cut there."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advloss.data.loading.cache import Cache
from advloss.data.loading.derived import Derived, batched
from advloss.data.sampling.samples import SamplePictures, Skip


class Stored(NamedTuple):
    """The place of a picture in the array of its field: the index of its first value, and its shape (C, H, W)."""

    start: int
    shape: tuple[int, int, int]


class StoredField:
    """The places of one field's pictures in its array. end: the number of values in the array."""

    def __init__(self, kept: Cache) -> None:
        self.values, self.bad = kept.values, kept.bad
        self.places: list[Stored] = []
        self.end = 0
        for index, picture in enumerate(kept.pictures):
            channels, height, width = picture.shape if index not in kept.bad else (kept.form.channels, 0, 0)
            self.places.append(Stored(self.end, (channels, height, width)))
            self.end += channels * height * width

    def get(self, index: int) -> Stored:
        """The place of picture number `index`. Raises `UnreadableImage`."""
        if index in self.bad:
            raise self.bad[index]
        return self.places[index]


def stored(kept: Mapping[str, Cache], device: torch.device) -> tuple[dict[str, StoredField], dict[str, Tensor]]:
    """Copies the pictures to the device. Gives the places of each field's pictures, and its values [N] in its type."""
    places = {name: StoredField(cache) for name, cache in kept.items()}
    pixels = {}
    for name, cache in kept.items():
        pixels[name] = torch.empty(places[name].end, dtype=_gathered(cache.form.dtype), device=device)
        for index, place in enumerate(places[name].places):
            if index not in cache.bad:
                flat = np.require(cache.pictures[index].reshape(-1), requirements="W")  # for torch.from_numpy
                picture = torch.from_numpy(flat.view(np.int16) if flat.dtype == np.uint16 else flat)
                pixels[name][place.start : place.start + len(picture)] = picture
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # once: batches are made on other streams
    return places, pixels


def _gathered(dtype: np.dtype) -> torch.dtype:
    """The type on the device. uint16 becomes int16 with the same bits, since torch can't gather uint16."""
    return {np.dtype(np.uint8): torch.uint8, np.dtype(np.uint16): torch.int16}.get(dtype, torch.float32)


class DeviceCache:
    """Makes batches on the device, with the same values that `HostBatches` makes on the host.

    Pixel (c, y, x) of a sample is the value at first + plane * c + down * y + across * x of its field's array, also if
    the crop is mirrored or rotated. So the host sends four numbers a sample, and does not wait for the device.

    samples: chooses the pictures and crops. pixels: the values of each field, [N] on the device.
    """

    def __init__(
        self, samples: SamplePictures[Stored], derived: Derived, pixels: dict[str, Tensor], channels: dict[str, int]
    ) -> None:
        self.samples, self.derived = samples, derived
        self.pixels, self.channels = pixels, channels
        self.device = next(iter(pixels.values())).device
        self.steps: dict[int, Tensor] = {}

    def batch(self, number: int) -> tuple[dict[str, Tensor], list[Skip]]:
        """Batch `number`: [B, C, h, w] of each field of pictures, in its type, and the other fields. And the pictures
        that could not be read."""
        samples = self.samples
        before, side = len(samples.bad), samples.crop.at(number)
        sides = samples.sides(number)
        numbers: dict[str, list[tuple[int, ...]]] = {name: [] for name in self.pixels}
        rest = []
        for item in samples.sampler.items(number):
            sample = samples.of(item, sides)
            for name, (crop, picture) in sample.cuts.items():
                _, height, width = picture.shape
                first, down, across = crop.steps(width)
                numbers[name].append((picture.start + first, height * width, down, across))
            rest.append(self.derived.sample(sample.indices, item.epoch, item.position, (side, side)))
        sent = self._sent(np.array([*numbers.values()], np.int64))  # [fields, B, 4]
        made = {name: self._cut(name, sent[row], sides[name]) for row, name in enumerate(numbers)}
        others = {name: self._sent(values) for name, values in batched(rest).items()}
        return made | others, list(samples.bad.values())[before:]

    def _sent(self, numbers: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(numbers)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor

    def _cut(self, name: str, numbers: Tensor, size: int) -> Tensor:
        """The crops of a field, from (first, plane, down, across) of each: int64 [B, 4] -> [B, C, size, size]."""
        along = self._steps(size)
        first, plane, down, across = numbers[:, :, None, None, None].unbind(1)  # [B, 1, 1, 1] each
        places = torch.addcmul(first, plane, self._steps(self.channels[name])[:, None, None])  # [B, C, 1, 1]
        places = torch.addcmul(places, down, along[:, None])  # [B, C, size, 1]
        values = self.pixels[name].take(torch.addcmul(places, across, along))  # [B, C, size, size]
        return values.view(torch.uint16) if values.dtype == torch.int16 else values

    def _steps(self, count: int) -> Tensor:
        if count not in self.steps:
            self.steps[count] = torch.arange(count, device=self.device)
        return self.steps[count]
