"""Random numbers that are functions of (stream, seed, epoch, position) and of nothing else.

So a sample does not depend on the process that makes it, nor on what was made before.
"""

from functools import lru_cache

import numpy as np

ORDER, PARTNERS, VIEW_FIRST, VIEW_SECOND, AUGMENT_FIRST, AUGMENT_SECOND, DEGRADE, DEGRADE_EVALUATION = range(1, 9)
NOISE, NOISE_EVALUATION, MASK, MASK_EVALUATION, SAMPLE = range(9, 14)
"""Streams of random numbers. A stream is the first number of a generator's seed. None is 0, since numpy takes the seeds
[s, e] and [s, e, 0] for the same.

Add new streams at the end: another number would change the random numbers of existing runs. The first and the second
source have streams of their own for crops and augmentations; those of further sources come from `nth`."""
MOST_STREAMS = 64


BLOCK = 64
"""How many samples' crops come from one generator, since to make a generator takes as long as to copy a crop."""


def random(stream: int, seed: int, epoch: int, position: int = 0) -> np.random.Generator:
    """The generator for one use in one sample."""
    return np.random.default_rng([stream, seed, epoch, position])


def nth(stream: int, number: int) -> int:
    """The stream for field or source `number`: `stream` itself for number 0, and derived from it for others."""
    return stream + MOST_STREAMS * number


def view_stream(source: int) -> int:
    """The stream that the crops of source number `source` are drawn from."""
    return VIEW_SECOND if source == 1 else nth(VIEW_FIRST, source)


def augment_stream(source: int) -> int:
    """The stream that the augmentations of source number `source` are drawn from."""
    return AUGMENT_SECOND if source == 1 else nth(AUGMENT_FIRST, source)


def draws(stream: int, seed: int, epoch: int, position: int) -> list[float]:
    """The four numbers in [0, 1) that decide one sample's crop."""
    block, row = divmod(position, BLOCK)
    return _block(stream, seed, epoch, block)[row]


@lru_cache(maxsize=16)
def _block(stream: int, seed: int, epoch: int, block: int) -> list[list[float]]:
    drawn: list[list[float]] = random(stream, seed, epoch, block).random((BLOCK, 4)).tolist()
    return drawn
