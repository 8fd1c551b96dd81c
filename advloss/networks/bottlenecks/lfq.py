"""Lookup-free quantisation: the sign of each channel is one bit of the index, and entropies keep all codes used."""

from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.core import distributed
from advloss.core.errors import InputError
from advloss.core.limits import above, at_least, check_limits
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, as_vectors, straight_through
from advloss.networks.bottlenecks.vector import Beta
from advloss.networks.layers.parameters import Positive

Weight = Annotated[float, at_least(0)]
Temperature = Annotated[float, above(0)]


class LFQ(Bottleneck):
    """Yu et al. 2024, arXiv:2310.05737, sec. 3.1.

    latent z: [B, channels, h, w], one channel a bit -> its signs, -1 or 1 (0 counts as -1). Index: the sum of 2^i over
    the channels i, from 0, that are above 0. The gradient passes to the latent as it is. losses:
        entropy: entropy * (E H(p(z)) - diversity * H(E p(z))), E over the places of all processes, with
            p(c | z) = softmax over the codes c of -|z - c|^2 / temperature: sure at each place, and all codes used.
        commitment: beta (z - sg[code])^2, the mean.
    p is a product of one sigmoid(4 z_i / temperature) a bit, so E H(p) is the sum of the bits' entropies, exactly.
    H(E p) needs all codes at once; above 2^together codes it is the sum over groups of at most `together` bits, an
    upper bound (as Zhao et al. 2024, arXiv:2406.07548).

    codes: a power of 2; channels follow from it. entropy, diversity, beta, temperature: defaults as in the open
    implementations; the paper names none. channels: log2(codes); what is given is checked.
    Raises InputError for a number of codes that is no power of 2, or one that needs other channels.
    """

    training_only: ClassVar[frozenset[str]] = frozenset({"entropy", "diversity", "beta", "temperature", "together"})
    codes: int

    def __init__(
        self,
        codes: Positive = 2**18,
        entropy: Weight = 0.1,
        diversity: Weight = 1.0,
        beta: Beta = 0.25,
        temperature: Temperature = 0.01,
        together: Positive = 9,
        channels: Positive | None = None,
    ) -> None:
        bits = codes.bit_length() - 1
        if codes < 2 or codes != 2**bits:
            raise InputError(f"LFQ: codes={codes}; it must be a power of 2, such as {2 ** max(bits, 1)}")
        if channels not in (None, bits):
            raise InputError(f"LFQ: codes={codes} take {bits} channels, not channels={channels}")
        check_limits(self, entropy=entropy, diversity=diversity, beta=beta, temperature=temperature, together=together)
        super().__init__(bits, codes)
        self.entropy, self.diversity, self.beta = entropy, diversity, beta
        self.temperature, self.together = temperature, together

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        above = latent.detach() > 0  # [B, D, h, w]
        bit = torch.arange(self.channels, device=latent.device).view(-1, 1, 1)
        indices = (above.long() << bit).sum(1)  # [B, h, w]
        signs = torch.where(above, 1.0, -1.0).to(latent.dtype)
        of_place, of_batch = self._entropies(as_vectors(latent))
        losses = {
            "entropy": self.entropy * (of_place - self.diversity * of_batch),
            "commitment": self.beta * (latent - signs).square().mean(),
        }
        return BottleneckOutput(straight_through(latent, signs), indices, losses)

    def look_up(self, indices: Tensor) -> Tensor:
        bit = torch.arange(self.channels, device=indices.device).view(-1, 1, 1)
        return ((indices[:, None] >> bit) & 1).float() * 2 - 1  # [B, D, h, w]

    def _entropies(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """E H(p) and H(E p) in nats: [], []."""
        logits = 4 * vectors / self.temperature  # [N, D]
        one, zero = logits.sigmoid(), (-logits).sigmoid()
        each = -(one * F.logsigmoid(logits) + zero * F.logsigmoid(-logits)).sum(1).mean()
        batch = vectors.new_zeros(())
        for ones, zeros in zip(one.split(self.together, 1), zero.split(self.together, 1), strict=True):
            joint = torch.ones_like(ones[:, :1])  # [N, 1], doubled by each bit
            for p, q in zip(ones.unbind(1), zeros.unbind(1), strict=True):
                joint = torch.cat([joint * q[:, None], joint * p[:, None]], 1)
            batch = batch + torch.special.entr(self._everywhere(joint.mean(0)) + 1e-20).sum()
        return each, batch

    def _everywhere(self, mean: Tensor) -> Tensor:
        """The mean over all processes, whose averaged gradient is that of one process with all their batches."""
        if not self.training or distributed.world_size() == 1:
            return mean
        return distributed.average(mean) + (mean - mean.detach())

    def extra_repr(self) -> str:
        weights = f"entropy={self.entropy}, diversity={self.diversity}, beta={self.beta}"
        return f"codes={self.codes}, {weights}, temperature={self.temperature}, together={self.together}"
