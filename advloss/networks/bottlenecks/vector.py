"""Vector quantisation: one codebook, and the residual form with several."""

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, as_map, as_vectors, straight_through
from advloss.networks.bottlenecks.codebook import Codebook
from advloss.networks.layers.parameters import Positive, Probability, check_at_least

Beta = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class VQ(Bottleneck):
    """The nearest code of a learned codebook: van den Oord et al. 2017, arXiv:1711.00937, eq. 3.

    latent: [B, channels, h, w]. losses, with z the latent, e its code and means over all values:
        codebook: (sg[z] - e)^2, which moves the codes; not with `ema`.
        commitment: beta (z - sg[e])^2, which keeps the latents near them.
    The decoder's gradient passes to the latent as it is.

    codes: size of the codebook. beta: 0.25 in the paper.
    legacy: beta on the codebook's term and 1 on the commitment's, as the code of taming-transformers has it by default
        (and that of latent-diffusion), so that its checkpoints train on as they began.
    ema, decay: the codes are moving averages instead of parameters. normalize: latents and codes are brought to unit
        length before anything else (ViT-VQGAN, LlamaGen: with few channels, 8 or 32). kmeans, revive: how the codes
        start and when dead ones are replaced. All as in `Codebook`.
    Raises InputError for parameters out of range or that don't go together.
    """

    training_only = frozenset({"beta", "legacy", "ema", "decay", "kmeans", "revive"})
    codes: int

    def __init__(
        self,
        channels: Positive,
        codes: Positive,
        beta: Beta = 0.25,
        legacy: bool = False,
        ema: bool = False,
        decay: Probability = 0.99,
        normalize: bool = False,
        kmeans: bool = False,
        revive: Share = 0.0,
    ) -> None:
        check_beta(beta)
        super().__init__(channels, codes)
        if legacy and ema:
            raise InputError("VQ: legacy=true puts beta on the codebook's term, and with ema=true there is none")
        self.beta = beta
        self.legacy = legacy
        self.codebook = Codebook(codes, channels, ema, decay, normalize, kmeans, revive)

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        latent = F.normalize(latent, dim=1) if self.codebook.normalize else latent
        vectors = as_vectors(latent)  # [N, D]
        chosen, indices = self.codebook(vectors)
        losses = codebook_losses(vectors, chosen, self.beta, self.legacy, self.codebook.ema)
        places = latent.shape[0], *latent.shape[2:]
        return BottleneckOutput(straight_through(latent, as_map(chosen, latent)), indices.view(places), losses)

    def look_up(self, indices: Tensor) -> Tensor:
        return F.embedding(indices, self.codebook.vectors()).movedim(-1, 1).contiguous()  # [B, D, h, w]

    def extra_repr(self) -> str:
        return f"beta={self.beta}, legacy={self.legacy}"


class ResidualVQ(Bottleneck):
    """Codebook after codebook, each for what the ones before left over; the latent is the sum of their codes.

    Zeghidour et al. 2021, arXiv:2107.03312, algorithm 1; Lee et al. 2022, arXiv:2203.01941, sec. 3.1.
    latent: [B, channels, h, w]. indices: [B, h, w, books]. The losses are `VQ`'s, each codebook's on its own residual,
    and their mean (Lee et al., eq. 7). The codes are moving averages unless ema is False.

    books: how many codebooks of `codes` codes each. beta, ema, decay, kmeans, revive: as in `VQ`.
    """

    training_only = frozenset({"beta", "ema", "decay", "kmeans", "revive"})
    codes: int

    def __init__(
        self,
        channels: Positive,
        codes: Positive,
        books: Positive = 4,
        beta: Beta = 0.25,
        ema: bool = True,
        decay: Probability = 0.99,
        kmeans: bool = False,
        revive: Share = 0.0,
    ) -> None:
        check_at_least(1, books=books)
        check_beta(beta)
        super().__init__(channels, codes, books)
        self.beta = beta
        self.ema = ema
        self.codebooks: Sequence[Codebook] = nn.ModuleList(  # type: ignore[assignment]
            Codebook(codes, channels, ema, decay, kmeans=kmeans, revive=revive) for _ in range(books)
        )

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        rest = as_vectors(latent)  # [N, D]
        total = rest.new_zeros(rest.shape)
        indices, losses = [], []
        for codebook in self.codebooks:
            chosen, index = codebook(rest)
            losses.append(codebook_losses(rest, chosen, self.beta, ema=self.ema))
            rest, total = rest - chosen.detach(), total + chosen.detach()
            indices.append(as_map(index[:, None], latent)[:, 0])  # [B, h, w]
        means = {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}
        return BottleneckOutput(straight_through(latent, as_map(total, latent)), torch.stack(indices, -1), means)

    def look_up(self, indices: Tensor) -> Tensor:
        first = self.codebooks[0].weight
        total = first.new_zeros(*indices.shape[:3], self.channels)
        for codebook, index in zip(self.codebooks, indices.unbind(-1), strict=True):
            total = total + F.embedding(index, codebook.vectors())  # [B, h, w, D]
        return total.movedim(-1, 1).contiguous()

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


def codebook_losses(
    vectors: Tensor, chosen: Tensor, beta: float, legacy: bool = False, ema: bool = False
) -> dict[str, Tensor]:
    """commitment, and codebook unless the codes are moving averages, with beta on the one side or the other."""
    of_codebook, of_commitment = (beta, 1.0) if legacy else (1.0, beta)
    losses = {"commitment": of_commitment * (vectors - chosen.detach()).square().mean()}
    if not ema:
        losses["codebook"] = of_codebook * (vectors.detach() - chosen).square().mean()
    return losses


def check_beta(beta: float) -> None:
    """Raises InputError for a weight below 0."""
    if beta < 0:
        raise InputError(f"beta={beta} must be at least 0")
