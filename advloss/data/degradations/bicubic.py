"""The degradation of the super-resolution literature: bicubic reduction, and nothing else."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from advloss.data.degradations.base import Degradation
from advloss.data.degradations.resize import imresize, imresize_levels


class Bicubic(Degradation):
    """MATLAB's imresize with antialiasing, of pictures of whole levels: the sets of the literature were made so.

    It draws no random number and takes any number of channels. Pictures of floating-point files are not rounded.
    """

    any_form = True

    @torch.no_grad()
    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        self.check(large, rngs)
        scale = Fraction(1, self.scale)
        if self.depth == "float":
            return imresize(large, scale=scale).clamp(-1, 1)
        return imresize_levels(large, scale=scale, most=2**self.depth - 1)
