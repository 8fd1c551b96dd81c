"""Maximum mean discrepancy: how far apart the distributions of two samples of vectors are."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import Converted, above, check_limits
from advloss.core.precision import at_least_float32

Positive = Annotated[float, above(0)]


def _as_list(value: object) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InputError("scales is a list of numbers above 0, such as [0.5, 1, 2]")
    return list(value)


Scales = Annotated[Sequence[Positive], Converted(_as_list)]


def inverse_multiquadratic(x: Tensor, y: Tensor, constants: Sequence[float]) -> Tensor:
    """sum over C of C / (C + |x_i - y_j|^2): [N, F], [M, F] -> [N, M], in float32 at least. constants: the C, above 0.

    Tolstikhin et al. 2018, arXiv:1711.01558, sec. 4.
    """
    x, y = at_least_float32(x), at_least_float32(y)
    distances = (x[:, None] - y).square().sum(2)  # [N, M]
    return torch.stack([c / (c + distances) for c in constants]).sum(0)


def mmd(x: Tensor, y: Tensor, constants: Sequence[float]) -> Tensor:
    """The unbiased estimate of the squared MMD of two samples: [N, F], [M, F] -> a scalar, which may be below 0.

    sum over i != j of k(x_i, x_j) / (N (N - 1)) + the same of y - 2 sum over i, j of k(x_i, y_j) / (N M), k the kernel
    `inverse_multiquadratic`: Gretton et al. 2012 (JMLR 13), eq. 3; Tolstikhin et al. 2018, arXiv:1711.01558, algorithm
    2. Its mean is 0 if the two distributions are the same.
    """
    within = [_without_diagonal(inverse_multiquadratic(z, z, constants)) for z in (x, y)]
    return within[0] + within[1] - 2 * inverse_multiquadratic(x, y, constants).mean()


def _without_diagonal(kernel: Tensor) -> Tensor:
    """The mean of a square matrix without its diagonal."""
    n = len(kernel)
    return (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))


class MMD(nn.Module):
    """The squared maximum mean discrepancy of vectors from samples of a prior; see `mmd`.

    x, y: float [B, F], B at least 2; y are samples of the prior -> a scalar. It is a measure of the whole batch: two
    processes of batch B do not compute what one of batch 2 B does, and the mean of their estimates is unbiased too.

    variance: of each value of the prior. scales: the kernel is the sum of those with C = scale * 2 F variance. The
    paper has the scale 1; the authors' code the sum of those with 0.1, 0.2, 0.5, 1, 2, 5 and 10.
    Raises InputError for a parameter out of range, and for anything but two samples of at least 2 vectors of one size.
    """

    def __init__(self, variance: Positive = 1.0, scales: Scales = (1.0,)) -> None:
        super().__init__()
        check_limits(self, variance=variance)
        for scale in scales:
            above(0).check("scales", scale)
        self.variance = variance
        self.scales = tuple(scales)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
            raise InputError(
                f"mmd compares two samples [B, F] of at least 2 vectors (data.batch), not {list(x.shape)} with "
                f"{list(y.shape)}"
            )
        return mmd(x, y, [scale * 2 * x.shape[1] * self.variance for scale in self.scales])

    def extra_repr(self) -> str:
        return f"variance={self.variance}, scales={self.scales}"
