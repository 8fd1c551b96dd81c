"""A codebook: vectors learned by gradient or as moving averages, with a start by k-means and revival of dead codes."""

from collections.abc import Hashable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.clock import TimedModule
from advloss.networks.bottlenecks.drawing import draw, kmeans, sums_and_counts
from advloss.networks.bottlenecks.nearest import nearest
from advloss.networks.layers.parameters import check_at_least, check_probability

REVIVED = 256
"""Codes that can come back in one call."""


class Codebook(TimedModule):
    """Vectors [N, D] -> the nearest code of each, [N, D] and int64 [N].

    In training mode each call goes on to learn, unless gradients are off.

    codes, channels: K and D. The codes begin as U(-1/K, 1/K), as in the authors' code.
    ema: the codes are no parameters: van den Oord et al. 2017, arXiv:1711.00937, appendix A.1:
        N_i <- decay N_i + (1 - decay) n_i,  m_i <- decay m_i + (1 - decay) sum of the n_i vectors,  e_i = m_i / N_i,
        with N_i = 1 and m_i = e_i to begin with; so a code that nothing chooses stays where it is.
    normalize: codes are compared and given at unit length (Yu et al. 2022, arXiv:2110.04627, sec. 3.2); so must be the
        vectors.
    kmeans: the first call in training mode sets the codes to the means of ten iterations over its batch.
    revive: when a code is dead. Its share, 1 where all codes are chosen alike, is averaged over the calls
        (with `decay`, from 1 on); a code whose share fell below `revive` is replaced by a vector of the batch before
        the batch is quantized, at most 256 codes a call, and its share is 1 again. 0: never.

    Vectors, sums and counts are those of all processes, which end with the same codes as one process would that had
    all their batches. The random choices come from the device's global generator. The state dict has all that a
    resumed run needs: `weight`, and if they are used `counts` (N), `sums` (m), `share` and `started`.
    """

    training_only: ClassVar[frozenset[str]] = frozenset({"ema", "decay", "kmeans", "revive"})
    """Parameters, and below tensors, that don't change which code is the nearest."""
    training_only_tensors: ClassVar[frozenset[str]] = frozenset({"counts", "sums", "share", "started"})

    weight: Tensor  # [K, D]
    counts: Tensor  # [K]
    sums: Tensor  # [K, D]
    share: Tensor  # [K]
    started: Tensor  # 1 once k-means has run, int64: []

    def __init__(
        self,
        codes: int,
        channels: int,
        ema: bool = False,
        decay: float = 0.99,
        normalize: bool = False,
        kmeans: bool = False,
        revive: float = 0.0,
    ) -> None:
        super().__init__()
        check_at_least(1, codes=codes, channels=channels)
        check_probability(decay=decay, revive=revive)
        self.ema, self.decay, self.normalize, self.kmeans, self.revive = ema, decay, normalize, kmeans, revive
        weight = (2 * torch.rand(codes, channels) - 1) / codes
        weight = F.normalize(weight, dim=1) if normalize else weight
        if ema:
            self.register_buffer("weight", weight)
            self.register_buffer("counts", torch.ones(codes))
            self.register_buffer("sums", weight.clone())
        else:
            self.weight = nn.Parameter(weight)
        if revive:
            self.register_buffer("share", torch.ones(codes))
        if kmeans:
            self.register_buffer("started", torch.zeros((), dtype=torch.int64))
        self._runs = not kmeans  # what `started` says, known without waiting for the device

    def phase(self, iteration: int) -> Hashable:
        """The start by k-means is asked for in Python."""
        return 0 if self._runs else None

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        values = vectors.detach()
        # not in a pass without gradients, which makes fakes for a discriminator alone
        learns = self.training and torch.is_grad_enabled() and not values.is_meta
        if learns:
            self._start(values)
            self._revive(values)
        codes = self.vectors(values.dtype)
        indices = nearest(values, codes.detach())
        chosen = F.embedding(indices, codes)  # [N, D]
        if learns:
            self._follow(values, indices)
        return chosen, indices

    def vectors(self, dtype: torch.dtype | None = None) -> Tensor:
        """The codes as they are compared and given, in float32 at least: [K, D]."""
        weight = self.weight.to(dtype or torch.promote_types(self.weight.dtype, torch.float32))
        # of a copy, since another batch may revive codes before this one's backward, which needs what was normalised
        return F.normalize(weight.clone(), dim=1) if self.normalize else weight

    @torch.no_grad()
    def _start(self, vectors: Tensor) -> None:
        if self._runs:
            return
        if not self.started:  # waits for the device, once
            self._put(torch.arange(len(self.weight), device=vectors.device), self._means(vectors))
            self.started.fill_(1)
        self._runs = True

    def _means(self, vectors: Tensor) -> Tensor:
        return kmeans(vectors, len(self.weight), normalize=self.normalize)

    @torch.no_grad()
    def _revive(self, vectors: Tensor) -> None:
        if not self.revive:
            return
        number = min(len(self.weight), REVIVED, len(vectors) * distributed.world_size())
        slots = distributed.of_first(self.share.topk(number, largest=False).indices)
        dead = self.share[slots] < self.revive
        # a place for each slot, also for those that live, so that nothing waits to learn how many are dead
        self._put(slots, draw(vectors, number), dead)
        self.share[slots] = torch.where(dead, 1, self.share[slots])

    def _put(self, slots: Tensor, vectors: Tensor, where: Tensor | None = None) -> None:
        """Sets the codes in these slots, as codes that nothing has been learned about; only where `where` says so."""
        where = torch.ones_like(slots, dtype=torch.bool) if where is None else where
        new = vectors.to(self.weight.dtype)
        self.weight[slots] = torch.where(where[:, None], new, self.weight[slots])
        if self.ema:
            self.sums[slots] = torch.where(where[:, None], new, self.sums[slots])
            self.counts[slots] = torch.where(where, 1, self.counts[slots])

    @torch.no_grad()
    def _follow(self, vectors: Tensor, indices: Tensor) -> None:
        if not self.ema and not self.revive:
            return
        sums, counts = sums_and_counts(vectors, indices, len(self.weight))
        if self.ema:
            self.counts.lerp_(counts.to(self.counts.dtype), 1 - self.decay)
            self.sums.lerp_(sums.to(self.sums.dtype), 1 - self.decay)
            known = self.counts > 1e-30  # both shrink alike, until nothing is left of either
            mean = self.sums / self.counts.clamp(min=1e-30)[:, None]
            self.weight.copy_(torch.where(known[:, None], mean, self.weight))
        if self.revive:
            share = counts * (len(counts) / (len(vectors) * distributed.world_size()))
            self.share.lerp_(share.to(self.share.dtype), 1 - self.decay)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        """Codes that were learnt with other settings are taken as codes that nothing is known of."""
        if f"{prefix}weight" in state_dict:
            weight = state_dict[f"{prefix}weight"]
            ones = weight.new_ones(len(weight))
            fresh = {"counts": ones, "sums": weight, "share": ones, "started": torch.ones((), dtype=torch.int64)}
            mine = dict(self.named_buffers(recurse=False))
            for name, value in fresh.items():
                if name in mine:
                    state_dict.setdefault(prefix + name, value.clone())
                else:
                    state_dict.pop(prefix + name, None)
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        self._runs = not self.kmeans

    def extra_repr(self) -> str:
        shape = f"{len(self.weight)}, {self.weight.shape[1]}, ema={self.ema}, decay={self.decay}"
        return f"{shape}, normalize={self.normalize}, kmeans={self.kmeans}, revive={self.revive}"
