"""Codes that are drawn from a distribution over the codebook, with a gradient: the Gumbel-softmax."""

import math
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.clock import Schedule, TimedModule, WithinLimits
from advloss.core.limits import above, at_least, check_limits
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, as_map, as_vectors
from advloss.networks.layers.parameters import Positive

Temperature = Annotated[float | Schedule, WithinLimits(above(0))]
Weight = Annotated[float | Schedule, WithinLimits(at_least(0))]


class Gumbel(Bottleneck, TimedModule):
    """Logits over the codes, a sample of which chooses: Jang et al. 2017, arXiv:1611.01144, sec. 2.2.

    latent: [B, channels, h, w] -> logits l by a learned linear map; q = softmax(l).
    In training the code of argmax(l + g) is taken, with g = -log(-log u) and u uniform from the device's global
    generator; the gradient is that of softmax((l + g) / temperature) times the codes, the codes' own that of the hard
    choice. In eval mode g = 0.
    loss kl: `kl` times KL(q || uniform) = sum q log(q codes), the mean over places, in nats.

    temperature: of the relaxation, or a schedule (DALL-E, arXiv:2102.12092, appendix A.2: from 1 to 1/16). kl: 5e-4 in
    the code of taming-transformers; or a schedule. Used alone, each call in training mode is an iteration.
    """

    training_only: ClassVar[frozenset[str]] = frozenset({"temperature", "kl"})
    training_only_tensors: ClassVar[frozenset[str]] = frozenset({"iteration"})
    codes: int

    def __init__(self, channels: Positive, codes: Positive, temperature: Temperature = 1.0, kl: Weight = 5e-4) -> None:
        check_limits(self, channels=channels, codes=codes, temperature=temperature, kl=kl)
        super().__init__(channels, codes)
        self.temperature = temperature
        self.kl = kl
        self.projection = nn.Linear(channels, codes)
        self.weight = nn.Parameter(torch.randn(codes, channels))

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        vectors = as_vectors(latent)  # [N, D]
        layer = self.projection
        logits = F.linear(vectors, layer.weight.to(vectors.dtype), layer.bias.to(vectors.dtype))  # [N, K]
        log_q = logits.log_softmax(1)
        kl = self.now(self.kl) * (log_q.exp() * (log_q + math.log(self.codes))).sum(1).mean()
        if self.training:
            logits = logits - torch.empty_like(logits).exponential_().log()  # -log u is an exponential variate
        indices = logits.argmax(1)  # [N]
        codes = self._vectors(vectors.dtype)
        soft = (logits / self.now(self.temperature)).softmax(1) @ codes.detach()  # [N, D]
        chosen = F.embedding(indices, codes) + (soft - soft.detach())
        if self.training and self.changes:  # else it compiles to one graph
            self.clock.tick(self)
        places = latent.shape[0], *latent.shape[2:]
        return BottleneckOutput(as_map(chosen, latent), indices.view(places), {"kl": kl})

    def look_up(self, indices: Tensor) -> Tensor:
        return F.embedding(indices, self._vectors()).movedim(-1, 1).contiguous()  # [B, D, h, w]

    def _vectors(self, dtype: torch.dtype | None = None) -> Tensor:
        return self.weight.to(dtype or torch.promote_types(self.weight.dtype, torch.float32))

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, kl={self.kl}"
