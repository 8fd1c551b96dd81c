"""Bottlenecks of tokenizers by name: what stands between the encoder and the decoder.

All are modules of latents [B, in_channels, h, w] that return `BottleneckOutput`: the latent that the decoder sees,
integer indices or none, and named losses. `decode` gives the latent of indices, and `usage`
says how many of the codes were used.
"""

from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput, Usage
from advloss.networks.bottlenecks.fsq import FSQ
from advloss.networks.bottlenecks.gumbel import Gumbel
from advloss.networks.bottlenecks.kl import KL
from advloss.networks.bottlenecks.lfq import LFQ
from advloss.networks.bottlenecks.vector import VQ, ResidualVQ

__all__ = ["BOTTLENECKS", "FSQ", "KL", "LFQ", "VQ", "Bottleneck", "BottleneckOutput", "Gumbel", "ResidualVQ", "Usage"]

BOTTLENECKS: dict[str, type[Bottleneck]] = {
    "vq": VQ,
    "residual_vq": ResidualVQ,
    "gumbel": Gumbel,
    "fsq": FSQ,
    "lfq": LFQ,
    "kl": KL,
}
