"""Vectors drawn from the batches of all processes, and k-means over them: the same in every process."""

import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.core import distributed
from advloss.networks.bottlenecks.nearest import nearest


@torch.no_grad()
def draw(vectors: Tensor, number: int) -> Tensor:
    """`number` of the vectors that all processes have, the same in each: distinct places as far as there are enough.

    vectors: this process's [N, D], with the same N in each. Returns [number, D].
    The order comes from the first process's global generator on the device; every process draws as many numbers.
    """
    own = len(vectors)
    order = torch.randperm(own * distributed.world_size(), device=vectors.device)
    order = order.repeat(-(-number // len(order)))[:number]
    place = distributed.of_first(order) - own * distributed.rank()
    mine = (place >= 0) & (place < own)
    return distributed.total(torch.where(mine[:, None], vectors[place.clamp(0, own - 1)], 0))


@torch.no_grad()
def sums_and_counts(vectors: Tensor, indices: Tensor, codes: int) -> tuple[Tensor, Tensor]:
    """Of the vectors of all processes that chose each code: their sum [codes, D] and their number [codes]."""
    rows = torch.cat([vectors, torch.ones_like(vectors[:, :1])], 1)  # [N, D + 1]
    both = distributed.total(rows.new_zeros(codes, rows.shape[1]).index_add_(0, indices, rows))
    return both[:, :-1], both[:, -1]


@torch.no_grad()
def kmeans(vectors: Tensor, codes: int, iterations: int = 10, normalize: bool = False) -> Tensor:
    """The means of `codes` clusters of all processes' vectors: Lloyd 1982, doi:10.1109/TIT.1982.1056489.

    vectors: this process's [N, D]. Returns [codes, D]. It begins with vectors of the batch; a cluster that is empty
    stays where it is. normalize: the vectors have unit length, and so have the means (spherical k-means).
    Where there are fewer vectors than codes, codes come out twice.
    """
    means = draw(vectors, codes)
    for _ in range(iterations):
        sums, counts = sums_and_counts(vectors, nearest(vectors, means), codes)
        moved = sums / counts.clamp(min=1)[:, None]
        moved = F.normalize(moved, dim=1) if normalize else moved
        means = torch.where(counts[:, None] > 0, moved, means)
    return means
