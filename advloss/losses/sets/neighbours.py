"""Precision, recall, density, coverage: which images of one set lie near those of the other.

A ball around each vector of a set reaches to its k-th nearest other vector of the set. Distances are taken from a
matrix product; those that are equal to a radius, up to rounding, are computed again from the differences, so that
repeated vectors are at a distance of 0 exactly, and ties fall as in exact arithmetic.
"""

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.sets.estimate import BLOCK, Estimate, blocks, two_sets


def precision(x: Tensor, y: Tensor, k: int = 3) -> Estimate:
    """The share of results x that lie in a ball of a real y: how many look real. From 0 to 1.

    Kynkaanniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991, eq. 1 and 2; their border belongs to a ball.
    """
    x, y = _sets("precision", x, y, k)
    return _mean(_in_balls(x, y, k, closed=True) > 0)


def recall(x: Tensor, y: Tensor, k: int = 3) -> Estimate:
    """The share of reals y that lie in a ball of a result x: how much of the real is covered. From 0 to 1.

    Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2; the border belongs to a ball.
    """
    x, y = _sets("recall", x, y, k)
    return _mean(_in_balls(y, x, k, closed=True) > 0)


def density(x: Tensor, y: Tensor, k: int = 5) -> Estimate:
    """The mean over results x of the number of balls of reals y that hold it, over k; may be above 1.

    Naeem, Oh, Uh, Choi, Yoo 2020, arXiv:2002.09797, section 3; the border does not belong to a ball, as in their code.
    """
    x, y = _sets("density", x, y, k)
    return _mean(_in_balls(x, y, k, closed=False).double() / k)


def coverage(x: Tensor, y: Tensor, k: int = 5) -> Estimate:
    """The share of reals y whose ball holds a result x. From 0 to 1.

    Naeem et al. 2020, arXiv:2002.09797, section 3; the border does not belong to a ball, as in their code.
    """
    x, y = _sets("coverage", x, y, k)
    radii = _radii(y, k)
    held = [
        _compared(rows, x, radii[start : start + len(rows), None], False).any(1) for start, rows in blocks(y, len(x))
    ]
    return _mean(torch.cat(held))


def _sets(measure: str, x: Tensor, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if k < 1:
        raise InputError(f"{measure}: k={k} must be at least 1")
    x, y = two_sets(f"{measure} with k = {k}", x, y, k + 1)
    middle = y.mean(0)  # near to both sets, so that rounding is small
    return x - middle, y - middle


def _mean(values: Tensor) -> Estimate:
    values = values.double()
    return Estimate(values.mean().item(), (values,))


def _in_balls(x: Tensor, centres: Tensor, k: int, closed: bool) -> Tensor:
    """How many of the centres' balls hold each x: [N]."""
    radii = _radii(centres, k)
    return torch.cat([_compared(rows, centres, radii, closed).sum(1) for _, rows in blocks(x, len(centres))])


def _radii(x: Tensor, k: int) -> Tensor:
    """The squared distance of each vector to its k-th nearest other one: [N]."""
    found = []
    for start, rows in blocks(x, len(x)):
        distances = _squared(rows, x)
        own = torch.arange(len(rows), device=x.device)
        distances[own, start + own] = torch.inf
        nearest = distances.topk(k, largest=False).indices  # [rows, k]
        each = _exact(rows, x, own.repeat_interleave(k), nearest.flatten())
        found.append(each.view(-1, k).max(1).values)
    return torch.cat(found)


def _compared(x: Tensor, y: Tensor, radii: Tensor, closed: bool) -> Tensor:
    """Whether |x_i - y_j|^2 is below the squared radius, or at most it if closed. radii: [M] or [N, 1]. Bool [N, M]."""
    distances = _squared(x, y)
    rounding = 8 * torch.finfo(x.dtype).eps * x.shape[1] ** 0.5
    scale = x.square().sum(1, keepdim=True) + y.square().sum(1)
    near = ((distances - radii).abs() <= rounding * scale).nonzero()
    if len(near):
        rows, columns = near.T
        distances[rows, columns] = _exact(x, y, rows, columns)
    return distances <= radii if closed else distances < radii


def _squared(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 up to rounding: [N, M]."""
    return torch.addmm(x.square().sum(1, keepdim=True) + y.square().sum(1), x, y.T, alpha=-2)


def _exact(x: Tensor, y: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """|x_i - y_j|^2 of pairs (i, j), from the differences: [pairs]."""
    most = max(1, BLOCK // x.shape[1])
    pairs = zip(rows.split(most), columns.split(most), strict=True)
    return torch.cat([(x[i] - y[j]).square().sum(1) for i, j in pairs])
