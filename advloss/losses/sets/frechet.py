"""FID: the Fréchet distance of two sets of feature vectors, each taken as a sample of a normal distribution."""

from dataclasses import dataclass

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.sets.estimate import Estimate, one_set, two_sets

ROWS = 4096
"""Vectors that are taken together."""


@dataclass(frozen=True)
class Normal:
    """A normal distribution. mean: [D]; root: [r, D], R with R'R the covariance; float64."""

    mean: Tensor
    root: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Normal":
        """Mean and covariance (of N - 1) of vectors [N, D]. InputError for fewer than two."""
        x = one_set("fid", x, 2)
        mean = x.mean(0)
        root = x.new_zeros(0, x.shape[1])
        for rows in x.split(ROWS):  # [r, D]: R of a QR decomposition of all rows so far
            root = torch.linalg.qr(torch.cat([root, (rows - mean) / (len(x) - 1) ** 0.5]), mode="r").R
        return cls(mean, root)

    @classmethod
    def of_moments(cls, mean: Tensor, covariance: Tensor) -> "Normal":
        """From the mean [D] and the covariance [D, D]; of it, eigenvalues below 0 are rounding and count as 0."""
        mean, covariance = mean.double(), covariance.double()
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise InputError(
                f"fid: a mean [D] and a covariance [D, D] are needed; these have shapes {list(mean.shape)} and "
                f"{list(covariance.shape)}"
            )
        if not (mean.isfinite().all() and covariance.isfinite().all()):
            raise InputError("fid: the mean or the covariance is not finite")
        values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
        return cls(mean, values.clamp_min(0).sqrt()[:, None] * vectors.T)


def frechet_distance(x: Normal, y: Normal) -> float:
    """|m - n|^2 + trace(C + D - 2 (C D)^(1/2)), with means m, n and covariances C, D: 0 for equal distributions.

    Dowson, Landau 1982, J. Multivariate Anal. 12, eq. 4. With C = R'R and D = S'S the roots of the eigenvalues of C D
    are the singular values of R S'. This needs no square root of a singular matrix. With fewer vectors than features,
    the usual way (eigenvalues of C D) has an error of 1e-3, this one of 1e-12.
    """
    shared = torch.linalg.svdvals(x.root @ y.root.T).sum()
    return _distance(x, y, shared)


def fid(x: Tensor, y: Tensor) -> Estimate:
    """The Fréchet distance of two sets of vectors; N and M may differ and be smaller than D, but then it is too large.

    Heusel et al. 2017, arXiv:1706.08500, eq. 6. Raises InputError for sets of fewer than two vectors.

    parts: x_i contributes 2 (m - n) . (x_i - m) + |x_i - m|^2 - (x_i - m)' T (x_i - m), T the optimal transport from
    x's distribution to y's; the last term is the i-th diagonal element of U S U' N, where A B' = U S V' for the centred
    vectors A over N^(1/2), and B.
    """
    x, y = (side.cpu() for side in two_sets("fid", x, y))
    a, b = Normal.of(x), Normal.of(y)
    left, values, right = torch.linalg.svd(a.root @ b.root.T, full_matrices=False)
    shift = a.mean - b.mean
    parts = (_parts(x, a, b.root, right.T, values, shift), _parts(y, b, a.root, left, values, -shift))
    return Estimate(_distance(a, b, values.sum()), parts)


def _distance(x: Normal, y: Normal, shared: Tensor) -> float:
    if x.mean.shape != y.mean.shape:
        raise InputError(f"fid: one side has {len(x.mean)} features and the other {len(y.mean)}")
    apart = (x.mean - y.mean).square().sum()
    return max(0.0, (apart + x.root.square().sum() + y.root.square().sum() - 2 * shared).item())


def _parts(x: Tensor, normal: Normal, other: Tensor, right: Tensor, values: Tensor, shift: Tensor) -> Tensor:
    """What each vector contributes: [N]. other: S; right, values: of the singular value decomposition of R S'."""
    centred = x - normal.mean
    counting = values > values.max() * 1e-12
    turned = centred @ (other.T @ right[:, counting])  # [N, r]: N^(1/2) A B' V, which is U S
    return 2 * centred @ shift + centred.square().sum(1) - turned.square() @ values[counting].reciprocal()
