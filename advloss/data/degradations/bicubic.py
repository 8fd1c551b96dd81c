"""The degradation of the super-resolution literature: bicubic reduction, and nothing else."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from advloss.data.degradations.base import Degradation
from advloss.data.degradations.resize import imresize_uint8


class Bicubic(Degradation):
    """MATLAB's imresize of an 8-bit picture, antialiased: how the sets of the literature were made. Draws nothing."""

    @torch.no_grad()
    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        self.check(large, rngs)
        return imresize_uint8(large, scale=Fraction(1, self.scale))
