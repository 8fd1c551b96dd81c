"""A normal distribution for each value of the latent, drawn towards N(0, 1): the bottleneck of latent diffusion."""

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.networks.bottlenecks.base import Bottleneck, BottleneckOutput
from advloss.networks.layers.parameters import Positive, check_at_least


class KL(Bottleneck):
    """Kingma, Welling 2014, arXiv:1312.6114, sec. 3; Rombach et al. 2022, arXiv:2112.10752, appendix G.

    latent: [B, 2 channels, h, w], means in the first half of the channels and log variances in the second
    -> in training a sample, mean + exp(log variance / 2) * noise, with noise from the device's global generator; in
    eval mode the mean: [B, channels, h, w]. No indices.
    loss kl: KL(N(mean, variance) || N(0, 1)) = 1/2 sum(mean^2 + variance - 1 - log variance) over all values of an
    image, the mean over images, unweighted (latent diffusion: 1e-6, with a reconstruction that is summed too).
    Log variances are clamped to [-30, 20], as in the authors' code.
    """

    def __init__(self, channels: Positive) -> None:
        check_at_least(1, channels=channels)
        super().__init__(channels, None, in_channels=2 * channels)

    def quantize(self, latent: Tensor) -> BottleneckOutput:
        mean, log_variance = latent.chunk(2, 1)  # each [B, D, h, w]
        log_variance = log_variance.clamp(-30.0, 20.0)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1).mean() / 2
        sample = mean
        if self.training:
            sample = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return BottleneckOutput(sample.contiguous(), None, {"kl": kl})

    def look_up(self, indices: Tensor) -> Tensor:
        raise InputError("KL has no codes: there are no indices to decode")
