"""Spectral norm: a weight divided by its largest singular value."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import parametrize

from advloss.core.precision import full_precision

EPSILON = 1e-12
FIRST_STEPS = 15
"""Steps of power iteration before the first forward, so that a new network keeps its bound from the start."""


def power_iteration(matrix: Tensor, u: Tensor, v: Tensor) -> None:
    """v = W^T u and then u = W v, each to length 1, in place. matrix: W [rows, columns]; u: [rows]; v: [columns]."""
    v.copy_(F.normalize(torch.mv(matrix.mT, u), dim=0, eps=EPSILON))
    u.copy_(F.normalize(torch.mv(matrix, v), dim=0, eps=EPSILON))


@torch.library.custom_op("advloss::power_iteration", mutates_args=("u", "v"))
def stepped(matrix: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """`power_iteration`, and copies of u and v, as one operation: the compiler would leave out the copies."""
    power_iteration(matrix, u, v)
    return u.clone(), v.clone()


@stepped.register_fake
def _(matrix: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(u), torch.empty_like(v)


class SpectralNorm(nn.Module):
    """W / sigma, sigma = u^T W v, by one step of power iteration in each forward in training mode: v = W^T u and then
    u = W v, each to length 1.

    Miyato et al. 2018, arXiv:1802.05957, eq. 8 and algorithm 1. The order is algorithm 1's, that of
    `torch.nn.utils.spectral_norm` and so of the projects that are built on it; torch's parametrization has the other,
    with which u, and so sigma, is half a step behind. In float32 at least, also under autocast.

    weight: of any shape with two axes or more; axis `dim` are the rows of W, all others its columns. In eval mode u and
    v stay. They are buffers under the names of torch's parametrization, `_u` and `_v`.
    """

    _u: Tensor  # [rows]
    _v: Tensor  # [columns]

    def __init__(self, weight: Tensor, dim: int = 0) -> None:
        super().__init__()
        self.dim = dim
        matrix = self._matrix(weight.detach())
        for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
            self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(), dim=0, eps=EPSILON))
        for _ in range(FIRST_STEPS):
            self._step(matrix)

    def forward(self, weight: Tensor) -> Tensor:
        with full_precision(weight):
            matrix = self._matrix(weight)
            u, v = self._vectors(matrix)
            return weight / torch.dot(u, torch.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, so that a weight can be assigned."""
        return value

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)  # [rows, columns]

    def _vectors(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Copies of u and v, since the next forward changes them before this one's backward; in training mode after a
        step."""
        if self.training and torch.compiler.is_compiling():
            return stepped(matrix.detach(), self._u, self._v)
        if self.training:
            self._step(matrix)
        return self._u.clone(), self._v.clone()

    @torch.no_grad()
    def _step(self, matrix: Tensor) -> None:
        power_iteration(matrix, self._u, self._v)


def add_spectral_norm(module: nn.Module) -> None:
    """Divides the weight of each convolution and linear layer within by its largest singular value, in place.

    A convolution's weight counts as the matrix [out, in * kernel], as in the paper. As a parametrization: it survives
    deepcopy, and its weights must have begun before.
    """
    for layer in list(module.modules()):
        if isinstance(layer, _ConvNd | nn.Linear):
            dim = 1 if isinstance(layer, _ConvTransposeNd) else 0
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, dim))
