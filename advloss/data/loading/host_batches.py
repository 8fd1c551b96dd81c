"""Makes batches on the host: cuts the pictures, augments them, makes small ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from advloss.data.fields import Mask
from advloss.data.loading.augment import Augmenter
from advloss.data.loading.derived import Derived, batched
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sampling.crops import copy_crop
from advloss.data.sampling.sampler import Item
from advloss.data.sampling.samples import SamplePictures, Skip

Arrays = dict[str, np.ndarray]
"""Values by field."""


class Small(NamedTuple):
    """How field `field` is made from field `of`. make: [H, W, C] of its type -> [H / scale, W / scale, C]."""

    field: str
    of: str
    scale: int
    make: Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass
class HostBatches:
    """Makes batches as arrays. It is copied to worker processes, so it prints and counts nothing.

    types: the channels and the type of each field of pictures. small: makes the field that the data set does not have.
    """

    samples: SamplePictures[np.ndarray]
    derived: Derived
    types: dict[str, tuple[int, np.dtype]]
    augment: Augmenter | None = None
    small: Small | None = None

    def batch(self, number: int) -> tuple[Arrays, list[Skip]]:
        """Batch `number`: [B, C, h, w] of each field of pictures, in its type, and the other fields. And the pictures
        that could not be read."""
        samples = self.samples
        items = samples.sampler.items(number)
        sides = samples.sides(number)
        made = {name: self._empty(len(items), name, side) for name, side in sides.items()}
        if self.small is not None:
            channels, dtype = self.types[self.small.of]
            side = sides[self.small.of] // self.small.scale
            made[self.small.field] = np.empty((len(items), channels, side, side), dtype)
        before, crop = len(samples.bad), samples.crop.at(number)
        rest = []
        for place, item in enumerate(items):
            indices = self._fill(item, sides, {name: images[place] for name, images in made.items()})
            rest.append(self.derived.sample(indices, item.epoch, item.position, (crop, crop)))
        return made | batched(rest), list(samples.bad.values())[before:]

    def _empty(self, count: int, name: str, side: int) -> np.ndarray:
        channels, dtype = self.types[name]
        return np.empty((count, channels, side, side), dtype)

    def _fill(self, item: Item, sides: dict[str, int], out: Arrays) -> list[int]:
        """Writes one sample into `out` [C, side, side] of each field. Gives the number of its item in each source."""
        sample = self.samples.of(item, sides)
        for name, (crop, picture) in sample.cuts.items():
            copy_crop(crop, picture, out[name])
        if self.augment is not None:
            for group in self.samples.groups:
                self._augmented(self.augment, group.fields, group.number, item, out)
        if self.small is not None:
            rng = random(DEGRADE, self.samples.sampler.seed, item.epoch, item.position)
            out[self.small.field][:] = self.small.make(_whole(out[self.small.of]), rng).transpose(2, 0, 1)
        return sample.indices

    def _augmented(self, augment: Augmenter, fields: tuple[str, ...], stream: int, item: Item, out: Arrays) -> None:
        """Applies the same transform to all pictures and masks that are drawn together."""
        declared = self.samples.split.declared
        masks = {name: out[name][0] for name in fields if isinstance(declared[name], Mask)}
        images = {name: _whole(out[name]) for name in fields if name not in masks}
        if images:
            done = augment(images, masks, stream, item.epoch, item.position)
            for name, image in done.items():
                out[name][:] = image.transpose(2, 0, 1) if image.ndim == 3 else image[None]


def _whole(picture: np.ndarray) -> np.ndarray:
    """[C, H, W] -> [H, W, C], contiguous."""
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
