"""KID: the squared maximum mean discrepancy of features with a polynomial kernel."""

import numpy as np
import torch
from torch import Tensor

from advloss.losses.sets.estimate import Estimate, blocks, two_sets


def kid(x: Tensor, y: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 2020) -> Estimate:
    """sum over i != j of k(x_i, x_j) / (N (N - 1)) + the same of y - 2 sum over i, j of k(x_i, y_j) / (N M),

    k(a, b) = (a . b / D + 1)^3: unbiased, so that it is 0 on the average for equal distributions and may be below 0.
    Binkowski, Sutherland, Arbel, Gretton 2018, arXiv:1801.01401, section 4; Gretton et al. 2012, JMLR 13, eq. 3.

    Sets of more than `subset_size` vectors: the mean over `subsets` draws of so many of each, without repetition within
    one; with numpy's RandomState(seed), as torch-fidelity does it. Otherwise the whole sets, once. The parts are the
    first order of the U-statistic (Hoeffding 1948), of the whole sets: their cost grows as N (N + M).
    """
    x, y = two_sets("kid", x, y)
    value, parts = _whole(x, y)
    if min(len(x), len(y)) > subset_size:
        draw = np.random.RandomState(seed)
        values = []
        for _ in range(subsets):
            chosen = [torch.from_numpy(draw.choice(len(side), subset_size, replace=False)) for side in (x, y)]
            values.append(_whole(x[chosen[0].to(x.device)], y[chosen[1].to(x.device)])[0])
        value = float(np.mean(values))
    return Estimate(value, parts)


def _whole(x: Tensor, y: Tensor) -> tuple[float, tuple[Tensor, Tensor]]:
    """The unbiased estimate of whole sets, and what each vector contributes."""
    n, m = len(x), len(y)
    within_x, within_y = _sums(x, x)[0] - _kernel_of_self(x), _sums(y, y)[0] - _kernel_of_self(y)  # [N], [M]
    of_x, of_y = _sums(x, y)  # [N], [M]
    value = within_x.sum() / (n * (n - 1)) + within_y.sum() / (m * (m - 1)) - 2 * of_x.sum() / (n * m)
    parts = 2 * (within_x / (n - 1) - of_x / m), 2 * (within_y / (m - 1) - of_y / n)
    return value.item(), parts


def _sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of the kernel k(x_i, y_j) over j, [N], and over i, [M]."""
    over_y, over_x = [], x.new_zeros(len(y))
    for _, rows in blocks(x, len(y)):
        kernel = _cubed(rows @ y.T / x.shape[1] + 1)
        over_y.append(kernel.sum(1))
        over_x += kernel.sum(0)
    return torch.cat(over_y), over_x


def _kernel_of_self(x: Tensor) -> Tensor:
    """k(x_i, x_i): [N]."""
    return _cubed(x.square().sum(1) / x.shape[1] + 1)


def _cubed(x: Tensor) -> Tensor:
    return x * x * x  # pow(3) of float64 is ten times as slow
