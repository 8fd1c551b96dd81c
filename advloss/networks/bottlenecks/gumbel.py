"""Codes that are drawn from a distribution over the codebook, with a gradient: the Gumbel-softmax."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, as_map, as_vectors
from advloss.networks.layers.parameters import Positive, check_at_least

Temperature = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]


class Gumbel(Bottleneck):
    """Logits over the codes, a sample of which chooses: Jang et al. 2017, arXiv:1611.01144, sec. 2.2.

    latent: [B, channels, h, w] -> logits l by a learned linear map; q = softmax(l).
    In training the code of argmax(l + g) is taken, with g = -log(-log u) and u uniform from the device's global
    generator; the gradient is that of softmax((l + g) / temperature) times the codes, the codes' own that of the hard
    choice. In eval mode g = 0.
    loss kl: `kl` times KL(q || uniform) = sum q log(q codes), the mean over places, in nats.

    temperature: of the relaxation; set the attribute to anneal it (DALL-E, arXiv:2102.12092: from 1 to 1/16), which no
    recipe does. kl: 5e-4 in the code of taming-transformers.
    """

    training_only = frozenset({"temperature", "kl"})
    codes: int

    def __init__(self, channels: Positive, codes: Positive, temperature: Temperature = 1.0, kl: Weight = 5e-4) -> None:
        check_at_least(1, channels=channels, codes=codes)
        if temperature <= 0:
            raise InputError(f"temperature={temperature} must be above 0")
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
        kl = self.kl * (log_q.exp() * (log_q + math.log(self.codes))).sum(1).mean()
        if self.training:
            logits = logits - torch.empty_like(logits).exponential_().log()  # -log u is an exponential variate
        indices = logits.argmax(1)  # [N]
        codes = self._vectors(vectors.dtype)
        soft = (logits / self.temperature).softmax(1) @ codes.detach()  # [N, D]
        chosen = F.embedding(indices, codes) + (soft - soft.detach())
        places = latent.shape[0], *latent.shape[2:]
        return BottleneckOutput(as_map(chosen, latent), indices.view(places), {"kl": kl})

    def look_up(self, indices: Tensor) -> Tensor:
        return F.embedding(indices, self._vectors()).movedim(-1, 1).contiguous()  # [B, D, h, w]

    def _vectors(self, dtype: torch.dtype | None = None) -> Tensor:
        return self.weight.to(dtype or torch.promote_types(self.weight.dtype, torch.float32))

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, kl={self.kl}"
