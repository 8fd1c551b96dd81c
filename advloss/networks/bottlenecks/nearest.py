"""The nearest code of each vector, exactly, at the cost of a matrix product."""

import torch
from torch import Tensor

CANDIDATES = 4
ROOM = 2**24
"""Distances in memory at once."""


@torch.no_grad()
def nearest(vectors: Tensor, codes: Tensor) -> Tensor:
    """The index of the code with the smallest Euclidean distance to each vector; of up to four equal ones the first.

    vectors: [N, D]. codes: [K, D]. Returns int64 [N].
    |z - e|^2 = |z|^2 - 2 z e + |e|^2 is one matrix product, but cancels: far from the origin, or with TF32 on, the
    smallest is not the nearest. So the codes' mean is taken off first, which changes no distance, and of the four
    smallest the nearest is found from the differences themselves.
    """
    centre = codes.mean(0)
    around = codes - centre
    half = around.square().sum(1) / 2  # [K]
    found = []
    for part in vectors.split(max(1, ROOM // len(codes))):
        score = torch.addmm(half, part - centre, around.T, alpha=-1)  # (|z - e|^2 - |z|^2) / 2: [n, K]
        candidates = score.topk(min(CANDIDATES, len(codes)), largest=False).indices.sort(1).values  # [n, 4]
        distance = (part[:, None] - codes[candidates]).square().sum(-1)
        found.append(candidates.gather(1, distance.argmin(1, keepdim=True))[:, 0])
    return torch.cat(found)
