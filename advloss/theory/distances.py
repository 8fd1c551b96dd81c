"""Distances of two discrete measures, which are weights on points, in float64 (with natural logarithms)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advloss.core.errors import InputError

Array = NDArray[np.float64]


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(p || q) = sum_x p(x) log(p(x) / q(x)): infinite where p has mass and q has none.

    p, q: weights [N] of the same points, each of sum 1.
    """
    a, b = _weights(p), _weights(q)
    there = a > 0
    if (b[there] == 0).any():
        return float("inf")
    return float((a[there] * np.log(a[there] / b[there])).sum())


def js(p: ArrayLike, q: ArrayLike) -> float:
    """JS(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2: in [0, log 2]. p, q: as in `kl`."""
    middle = (_weights(p) + _weights(q)) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def w1_on_a_line(p: ArrayLike, q: ArrayLike, spacing: float = 1.0) -> float:
    """W1 = spacing * sum_x |P(x) - Q(x)| with P, Q the cumulative sums: of weights [N] on points `spacing` apart.

    Vallender 1974; the integral of |P - Q|. The weights may have any sum, the same for both.
    """
    return float(np.abs(np.cumsum(np.asarray(p, np.float64) - np.asarray(q, np.float64))).sum() * spacing)


def transport(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> tuple[float, Array]:
    """The cheapest plan that moves p onto q: its cost, and the mass from i to j [N, M], by linear programming.

    W1 in Kantorovich's form: the minimum over plans g >= 0 of sum_ij g_ij cost_ij, with sum_j g_ij = p_i and
    sum_i g_ij = q_j (Arjovsky et al. 2017, arXiv:1701.07875, eq. 1). p: [N], q: [M], of the same sum. cost: [N, M].
    """
    from scipy.optimize import linprog

    a, b, c = (np.asarray(x, np.float64) for x in (p, q, cost))
    rows = np.kron(np.eye(len(a)), np.ones((1, len(b))))  # [N, N M]
    columns = np.kron(np.ones((1, len(a))), np.eye(len(b)))  # [M, N M]
    found = linprog(c.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([a, b]), method="highs")
    if not found.success:
        raise InputError(f"transport: no plan moves p onto q: {found.message}")
    return float(found.fun), np.asarray(found.x).reshape(c.shape)


def sliced_w1(x: ArrayLike, y: ArrayLike, directions: int = 64) -> float:
    """The mean of W1 between the projections of two samples of equal size, [N, 2] each, on lines through the origin.

    The lines have angles (k + 1/2) pi / directions. Bonneel et al. 2015, section 3 (there for the squared distance). Of
    two samples that are d apart, one being the other shifted, it is 2 d / pi as the number of lines grows.
    """
    angles = (np.arange(directions) + 0.5) * np.pi / directions
    lines = np.stack([np.cos(angles), np.sin(angles)])  # [2, L]
    one, other = (np.sort(np.asarray(each, np.float64) @ lines, 0) for each in (x, y))  # [N, L]
    return float(np.abs(one - other).mean())


def _weights(p: ArrayLike) -> Array:
    weights = np.asarray(p, np.float64)
    if (weights < 0).any() or not np.isclose(weights.sum(), 1):
        raise InputError(f"weights must be at least 0 and sum to 1; the sum of these is {weights.sum():g}")
    return weights
