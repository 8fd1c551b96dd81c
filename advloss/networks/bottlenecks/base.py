"""What every bottleneck is: latents in, what the decoder sees out, with indices, losses and counts of the codes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.errors import InputError
from advloss.core.precision import full_precision

MOST_CODES = 2**26
"""Of all codebooks of a bottleneck: each is counted."""


@dataclass
class BottleneckOutput:
    """What a bottleneck makes of a latent.

    latent: what the decoder sees, quantized with the straight-through gradient, or sampled: [B, D, h, w].
    indices: int64 [B, h, w], or [B, h, w, n] where there are n codebooks; None where there are no codes (KL).
    losses: named scalars, each with the weight that it has among the others, so that their sum is the paper's loss of
        the bottleneck; its weight relative to a reconstruction loss is the recipe's. Float32 at least.
    """

    latent: Tensor
    indices: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """How often each code was chosen: counts, int64 [n, codes], a row a codebook. Nothing here waits for the device."""

    counts: Tensor

    @property
    def fraction(self) -> Tensor:
        """The part of the codes that were chosen at least once, in [0, 1], the mean over codebooks: []."""
        return (self.counts > 0).float().mean()

    @property
    def perplexity(self) -> Tensor:
        """exp of the entropy of the choices, from 1 to the number of codes, the mean over codebooks: [].

        That many codes, chosen alike, would tell as much. 1 where nothing was seen.
        """
        p = self.counts / self.counts.sum(1, keepdim=True).clamp(min=1)  # [n, codes]
        return (-torch.special.xlogy(p, p).sum(1)).exp().mean()


class Bottleneck(nn.Module, ABC):
    """Latents [B, in_channels, h, w] -> `BottleneckOutput`, computed in float32 at least whatever the autocast.

    channels: of what the decoder sees. in_channels: of what the encoder gives; the same but for KL.
    codes: how many codes a codebook has; None for KL. books: how many codebooks choose for each place.
    A subclass has `quantize` and `look_up`, and says what counts in training only: two models that differ in nothing
    else have the same tokens.

    Each call counts the codes it chose, in training and eval mode alike, without waiting for the device (`usage`). The
    counts are no part of the state dict. Where several processes train, all must have batches of the same shape.
    """

    training_only: ClassVar[frozenset[str]] = frozenset()
    """Names of constructor parameters that don't change what a trained bottleneck computes."""
    training_only_tensors: ClassVar[frozenset[str]] = frozenset()
    """Last names of entries of the state dict that a trained one does not read: `counts` of `codebook.counts`."""

    seen: Tensor  # how often each code was chosen since the last reset, int64: [books, codes]

    def __init__(self, channels: int, codes: int | None, books: int = 1, in_channels: int | None = None) -> None:
        super().__init__()
        if codes is not None and books * codes > MOST_CODES:
            raise InputError(f"{type(self).__name__}: {codes} codes; at most {MOST_CODES} can be counted")
        self.channels = channels
        self.in_channels = in_channels or channels
        self.codes = codes
        self.books = books
        self.register_buffer("seen", torch.zeros(books, codes or 0, dtype=torch.int64), persistent=False)

    @abstractmethod
    def quantize(self, latent: Tensor) -> BottleneckOutput:
        """`forward`, of a latent that is checked and in float32 at least, with autocast off."""

    @abstractmethod
    def look_up(self, indices: Tensor) -> Tensor:
        """`decode`, of indices that are checked."""

    def forward(self, latent: Tensor) -> BottleneckOutput:
        """Raises InputError for a latent that is not [B, in_channels, h, w]."""
        if latent.ndim != 4 or latent.shape[1] != self.in_channels:
            raise InputError(
                f"{self._name} got a latent of shape {list(latent.shape)}; "
                f"it takes [B, {self.in_channels}, h, w]: the encoder must give {self.in_channels} channels"
            )
        with full_precision(latent):
            output = self.quantize(latent.to(torch.promote_types(latent.dtype, torch.float32)))
        if output.indices is not None:
            self._count(output.indices)
        return output

    def decode(self, indices: Tensor) -> Tensor:
        """The latent that `forward` gave with these indices, to the bit in float32, unless the codes moved since.

        indices: integers of any type, [B, h, w] or [B, h, w, n]. Returns [B, channels, h, w]. Waits for the device.
        Raises InputError for a bottleneck without codes, and for indices of another shape or type or out of range.
        """
        if self.codes is None:
            raise InputError(f"{self._name} has no codes: there are no indices to decode")
        form = "[B, h, w]" if self.books == 1 else f"[B, h, w, {self.books}]"
        right = indices.ndim == 3 if self.books == 1 else indices.ndim == 4 and indices.shape[3] == self.books
        if not right or indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
            raise InputError(
                f"{self._name} got indices of shape {list(indices.shape)} and type {indices.dtype}; "
                f"they are integers {form}"
            )
        indices = indices.long()
        if not indices.is_meta and indices.numel():
            least, most = (int(bound) for bound in indices.aminmax())
            if least < 0 or most >= self.codes:
                wrong = least if least < 0 else most
                raise InputError(
                    f"{self._name} got the index {wrong}; its {self.codes} codes are 0 to {self.codes - 1}: "
                    "are the indices of another model?"
                )
        return self.look_up(indices)

    def usage(self, everywhere: bool = False) -> Usage | None:
        """What was chosen since the last `reset_usage`; None for a bottleneck without codes.

        everywhere: in all processes, which must then all ask.
        """
        if self.codes is None:
            return None
        counts = self.seen.clone()
        if everywhere and distributed.world_size() > 1:
            dist.all_reduce(counts)
        return Usage(counts)

    def reset_usage(self) -> None:
        """Sets the counts to 0."""
        self.seen.zero_()

    @torch.no_grad()
    def _count(self, indices: Tensor) -> None:
        places = indices.reshape(-1, self.books)  # [N, n]
        first = torch.arange(self.books, device=places.device) * self.seen.shape[1]
        chosen = (places + first).flatten()
        self.seen.view(-1).index_add_(0, chosen, torch.ones_like(chosen))

    @property
    def _name(self) -> str:
        return type(self).__name__


def as_vectors(latent: Tensor) -> Tensor:
    """[B, D, h, w] -> one vector a place: [N, D]."""
    return latent.movedim(1, -1).flatten(0, -2)


def as_map(vectors: Tensor, like: Tensor) -> Tensor:
    """One row a place -> [B, D, h, w], contiguous, with batch and places of `like` [B, *, h, w]."""
    return vectors.unflatten(0, (like.shape[0], *like.shape[2:])).movedim(-1, 1).contiguous()


def straight_through(latent: Tensor, quantized: Tensor) -> Tensor:
    """`quantized` to the bit, with the gradient of `latent`: that of the identity (arXiv:1308.3432)."""
    return quantized.detach() + (latent - latent.detach())
