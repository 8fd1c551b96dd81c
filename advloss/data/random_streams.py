"""Random numbers that are functions of (stream, seed, epoch, position) and of nothing else.

So a sample looks the same whichever process makes it and whatever ran before.
"""

from functools import lru_cache

import numpy as np

ORDER, PARTNERS, VIEW_FIRST, VIEW_SECOND, AUGMENT_FIRST, AUGMENT_SECOND, DEGRADE, DEGRADE_EVALUATION = range(1, 9)
NOISE, NOISE_EVALUATION, MASK, MASK_EVALUATION = range(9, 13)
"""Streams of random numbers. Each comes first in its seed, and none is 0: numpy takes [s, e] and [s, e, 0] for one.

A new one goes to the end: the numbers of the others are part of every run. The first and the second source have
streams of their own for their crops and augmentations; further ones are derived (`nth`)."""
MOST_STREAMS = 64


BLOCK = 64
"""Samples whose crops are drawn at once: a generator takes as long to make as a crop to copy."""


def random(stream: int, seed: int, epoch: int, position: int = 0) -> np.random.Generator:
    """The generator for one use in one sample."""
    return np.random.default_rng([stream, seed, epoch, position])


def nth(stream: int, number: int) -> int:
    """The stream of that kind for field or source `number`; the kind itself for number 0."""
    return stream + MOST_STREAMS * number


def view_stream(source: int) -> int:
    """The stream that the crops of source number `source` are drawn from."""
    return VIEW_SECOND if source == 1 else nth(VIEW_FIRST, source)


def augment_stream(source: int) -> int:
    """The stream that the augmentations of source number `source` are drawn from."""
    return AUGMENT_SECOND if source == 1 else nth(AUGMENT_FIRST, source)


def draws(stream: int, seed: int, epoch: int, position: int) -> list[float]:
    """The numbers in [0, 1) that one sample's crop is made of: four."""
    block, row = divmod(position, BLOCK)
    return _block(stream, seed, epoch, block)[row]


@lru_cache(maxsize=16)
def _block(stream: int, seed: int, epoch: int, block: int) -> list[list[float]]:
    drawn: list[list[float]] = random(stream, seed, epoch, block).random((BLOCK, 4)).tolist()
    return drawn
