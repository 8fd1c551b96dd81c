"""The fields of a batch that don't come from picture files: labels, vectors, noise, and masks that are drawn."""

from collections.abc import Sequence

import numpy as np

from advloss.data.fields import Mask, Noise
from advloss.data.loading.drawn_masks import centre_mask, drawn_mask
from advloss.data.random_streams import MASK, MASK_EVALUATION, NOISE, NOISE_EVALUATION, nth, random
from advloss.data.sources.base import Split


class Derived:
    """Makes these fields of a sample: labels and vectors from the items' rows; noise and masks from (seed, epoch,
    position).

    evaluation: draws from other random streams, so that no evaluation item has the noise of a training sample.
    """

    def __init__(self, split: Split, seed: int, evaluation: bool = False) -> None:
        self.seed = seed
        self.noise, self.mask = (NOISE_EVALUATION, MASK_EVALUATION) if evaluation else (NOISE, MASK)
        places = {name: place for place, source in enumerate(split.sources.values()) for name in source.rows}
        self.rows = {name: (places[name], rows) for name, rows in split.rows.items()}
        self.drawn = {
            name: (number, field)
            for number, (name, field) in enumerate(split.declared.items())
            if isinstance(field, Noise) or (isinstance(field, Mask) and not field.optional and name not in split.images)
        }

    def sample(self, indices: Sequence[int], epoch: int, position: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """The fields of one sample. indices: of its item in each source. size: (height, width) of a mask, in pixels."""
        made = {name: rows.values[indices[place]] for name, (place, rows) in self.rows.items()}
        for name, (number, field) in self.drawn.items():
            if isinstance(field, Noise):
                rng = random(nth(self.noise, number), self.seed, epoch, position)
                normal = field.distribution == "normal"
                made[name] = rng.standard_normal(field.size, np.float32) if normal else uniform(rng, field.size)
            elif field.drawn == "centre":
                made[name] = centre_mask(size)
            else:
                made[name] = drawn_mask(random(nth(self.mask, number), self.seed, epoch, position), size)
        return made


def uniform(rng: np.random.Generator, size: int) -> np.ndarray:
    """float32 [size], uniform in [-1, 1)."""
    return rng.random(size, np.float32) * 2 - 1


def batched(samples: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Stacks samples: [B, ...] of each field."""
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]} if samples else {}
