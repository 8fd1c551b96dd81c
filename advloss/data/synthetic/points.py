"""Data sets of two-dimensional points: `ring`, `grid`, `lines` and `swiss-roll`, all within [-2.5, 2.5]."""

import math
from collections.abc import Callable

import numpy as np

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Vector
from advloss.data.sources.base import DataSet, split_of
from advloss.data.sources.rows import Rows
from advloss.data.synthetic.drawing import Array
from advloss.data.synthetic.sets import SPLIT_NUMBERS

COUNTS = {"train": 10_000, "val": 1_000, "test": 1_000}
"""Points of each split."""
RING_MODES, RING_RADIUS, RING_STD = 8, 2.0, 0.1
GRID_SIDE, GRID_STD = 5, 0.05
POINT: Fields = {"point": Vector("points")}


def ring_centres() -> Array:
    """The centres of the ring's Gaussians: [8, 2]."""
    angles = np.arange(RING_MODES) * (2 * math.pi / RING_MODES)
    return RING_RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)


def grid_centres() -> Array:
    """The centres of the grid's Gaussians, 1 apart: [25, 2]."""
    places = np.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2
    return np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)


def draw_ring(rng: np.random.Generator, count: int) -> Array:
    """float32 [count, 2]: 8 Gaussians on a circle of radius 2 (Metz et al. 2017, arXiv:1611.02163, section 3.2.1).

    Their standard deviation is 0.1; the paper's is 0.02.
    """
    return _mixture(rng, count, ring_centres(), RING_STD)


def draw_grid(rng: np.random.Generator, count: int) -> Array:
    """float32 [count, 2]: 25 Gaussians on a 5 x 5 grid, of standard deviation 0.05, from -2 to 2."""
    return _mixture(rng, count, grid_centres(), GRID_STD)


def draw_lines(rng: np.random.Generator, count: int) -> Array:
    """float32 [count, 2]: the lines x = -1 and x = 1, y uniform in [-2, 2].

    They have no area, as in Arjovsky et al. 2017, arXiv:1701.07875, example 1: a discriminator can tell all fakes.
    """
    x = rng.integers(0, 2, count) * 2.0 - 1
    return np.stack([x, rng.uniform(-2, 2, count)], 1).astype(np.float32)


def draw_swiss_roll(rng: np.random.Generator, count: int) -> Array:
    """float32 [count, 2]: a spiral, (t cos t, t sin t) / 7.5 with t from 1.5 pi to 4.5 pi and noise of 0.25 / 7.5.

    It is the swiss roll of Gulrajani et al. 2017, arXiv:1704.00028, figure 1, without its third axis.
    """
    t = 1.5 * math.pi * (1 + 2 * rng.random(count))
    spiral = np.stack([t * np.cos(t), t * np.sin(t)], 1) + 0.25 * rng.standard_normal((count, 2))
    return (spiral / 7.5).astype(np.float32)


def _mixture(rng: np.random.Generator, count: int, centres: Array, std: float) -> Array:
    chosen = centres[rng.integers(len(centres), size=count)]
    return (chosen + std * rng.standard_normal((count, 2))).astype(np.float32)


POINT_SETS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "ring": draw_ring,
    "grid": draw_grid,
    "lines": draw_lines,
    "swiss-roll": draw_swiss_roll,
}
"""By name, a function from (generator, count) to points [count, 2]."""


def open_points(name: str, seed: int, fields: Fields = POINT) -> DataSet:
    """The data set of that name. fields: what the method declares, one of which is a vector.

    Raises InputError for a method that learns from other fields than one vector.
    """
    vectors = [field for field, declared in fields.items() if isinstance(declared, Vector)]
    sources = {declared.source for declared in fields.values() if declared.source}
    if len(vectors) != 1 or len(sources) != 1:
        raise InputError(f"'{name}' holds points and no pictures, and this method needs others; use recipe=points")
    splits = {}
    for split, count in COUNTS.items():
        rng = np.random.default_rng([SPLIT_NUMBERS[split], seed])
        splits[split] = split_of(fields, {}, False, {vectors[0]: Rows(POINT_SETS[name](rng, count))})
    return DataSet(name, splits)
