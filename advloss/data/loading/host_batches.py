"""Batches made on the host: chosen pictures cut, augmented, made small."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advloss.data.loading.augment import Augmenter
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sampling.crops import copy_crop
from advloss.data.sampling.sampler import Item
from advloss.data.sampling.samples import SamplePictures, Skip

Sides = dict[str, np.ndarray]
"""Pictures by the letter of their side."""
Small = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Makes the small picture from the large one: uint8 [H, W, 3] -> [H / scale, W / scale, 3]."""


@dataclass
class Samples:
    """Batch after batch as arrays. Goes to worker processes as it is, so it holds nothing that says or counts.

    small: makes `a`, where the pictures have none.
    """

    choices: SamplePictures[np.ndarray]
    augment: Augmenter | None = None
    small: Small | None = None

    def batch(self, number: int) -> tuple[Sides, list[Skip]]:
        """uint8 [B, 3, crop, crop], of a small a [B, 3, crop / scale, crop / scale]; what was found unreadable."""
        choices = self.choices
        sizes = choices.sizes
        if self.small is not None:
            sizes["a"] = choices.view.crop // choices.scale
        items = choices.order.items(number)
        made = {letter: np.empty((len(items), 3, size, size), np.uint8) for letter, size in sizes.items()}
        before = len(choices.bad)
        for place, item in enumerate(items):
            self._fill(item, {letter: images[place] for letter, images in made.items()})
        return made, list(choices.bad.values())[before:]

    def _fill(self, item: Item, out: Sides) -> None:
        """One sample, written into `out` [3, side, side]."""
        for letter, (crop, picture) in self.choices.of(item).items():
            copy_crop(crop, picture, out[letter])
        if self.augment is not None:
            self._augmented(self.augment, item, out)
        if self.small is not None:
            rng = random(DEGRADE, self.choices.order.seed, item.epoch, item.position)
            out["a"][:] = self.small(_whole(out["b"]), rng).transpose(2, 0, 1)

    def _augmented(self, augment: Augmenter, item: Item, out: Sides) -> None:
        both = "a" in self.choices.pictures
        b = _whole(out["b"])
        a = _whole(out["a"]) if both else b
        done_a, done_b = (augment.pair if self.choices.paired else augment.apart)(a, b, item.epoch, item.position)
        out["b"][:] = done_b.transpose(2, 0, 1)
        if both:
            out["a"][:] = done_a.transpose(2, 0, 1)


def _whole(picture: np.ndarray) -> np.ndarray:
    """[3, H, W] as [H, W, 3] in one piece."""
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
