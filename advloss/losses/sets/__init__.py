"""Measures of sets: how a set of results differs from a set of real images, by the features of a frozen network.

Each is a pure function of features, results first: x [N, D], y [M, D] of any float type, computed in float64 on their
device, in blocks, so that no matrix of N x M is held. It gives an `Estimate`. Raises InputError for sets of other
shapes, of too few vectors, and of values that are not finite.
"""

from advloss.losses.sets.estimate import Estimate
from advloss.losses.sets.frechet import Normal, fid, frechet_distance
from advloss.losses.sets.inception_score import inception_score
from advloss.losses.sets.kernel import kid
from advloss.losses.sets.neighbours import coverage, density, precision, recall

__all__ = [
    "Estimate",
    "Normal",
    "coverage",
    "density",
    "fid",
    "frechet_distance",
    "inception_score",
    "kid",
    "precision",
    "recall",
]
