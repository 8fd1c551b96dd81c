"""Densities on the line that are known exactly: their values, and samples of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advloss.theory.distances import Array

GRID: Array = np.linspace(-8.0, 8.0, 4001)
"""The points at which densities are integrated, 0.004 apart."""
STEP = float(GRID[1] - GRID[0])


@dataclass(frozen=True)
class Mixture:
    """sum_k weights_k N(means_k, stds_k^2). All its mass must be inside GRID."""

    means: tuple[float, ...]
    stds: tuple[float, ...]
    weights: tuple[float, ...] = (1.0,)

    def density(self) -> Array:
        """The density at the points of GRID: [N]."""
        bells = [
            weight / (std * np.sqrt(2 * np.pi)) * np.exp(-(((GRID - mean) / std) ** 2) / 2)
            for mean, std, weight in zip(self.means, self.stds, self.weights, strict=True)
        ]
        return np.asarray(np.sum(bells, axis=0))

    def masses(self) -> Array:
        """The density as weights of the points of GRID, of sum 1: [N]."""
        density = self.density()
        return density / density.sum()

    def cumulative(self) -> Array:
        """P(X <= x) at the points of GRID: [N]."""
        masses = self.masses()
        return np.cumsum(masses) - masses / 2

    def sampler(self) -> Callable[[int], Tensor]:
        """A function count -> samples [count, 1], one from each of `count` equal parts of the mass."""
        cumulative = self.cumulative()

        def sample(count: int) -> Tensor:
            levels = (torch.arange(count) + torch.rand(count)) / count
            return torch.from_numpy(np.interp(levels.numpy(), cumulative, GRID)).float().unsqueeze(1)

        return sample
