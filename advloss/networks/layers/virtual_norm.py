"""Virtual batch normalisation: batch norm by one fixed reference batch, so that samples don't influence each other.

    reference = torch.stack([dataset[i] for i in range(64)])      # drawn once, before training
    body = nn.Sequential(conv, VirtualBatchNorm(64, reference=64), nn.LeakyReLU(0.2), ...)
    discriminator = WithReference(body, reference)
    logits = discriminator(x)                                     # those of x alone

Salimans et al. 2016, arXiv:1606.03498, sec. 3.5. The statistics change with the weights, so the reference batch goes
through the network in every pass; as the paper warns, this costs about twice as much.
"""

from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.parameters import Positive, check_at_least


class VirtualBatchNorm(nn.Module):
    """Each sample is normalised by the reference batch and itself, the reference batch by itself alone.

    x: [R + B, C, *], the reference batch of R samples first (see `WithReference`). Returns the same shape.
    A sample is normalised by the mean and the variance of each channel over R + 1 samples, itself and the reference
    batch: its output is that of batch norm for a batch of these. There are no running statistics, so training and eval
    mode are the same function. Statistics are computed in float32 at least.

    channels: C. reference: R, samples in the reference batch. eps: added to the variance.
    Raises InputError for a parameter out of range, for fewer than R samples and for other channels.
    """

    def __init__(self, channels: Positive, reference: Positive, eps: float = 1e-5) -> None:
        super().__init__()
        check_at_least(1, channels=channels, reference=reference)
        self.channels = channels
        self.reference = reference
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        n = self.reference
        if x.ndim < 2 or x.shape[1] != self.channels or len(x) < n:
            raise InputError(
                f"VirtualBatchNorm got a tensor of shape {list(x.shape)}; it takes [{n} + B, {self.channels}, ...], "
                f"the reference batch of {n} first: wrap the network in WithReference"
            )
        values = x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(1, (self.channels, 1)).flatten(2)
        reference_var, reference_mean = _statistics(values[:n], (0, 2))  # [1, C, 1]
        own_var, own_mean = _statistics(values[n:], (2,))  # [B, C, 1]
        mean = (n * reference_mean + own_mean) / (n + 1)  # [B, C, 1]
        between = n * (reference_mean - mean).square() + (own_mean - mean).square()
        var = (n * reference_var + own_var + between) / (n + 1)  # [B, C, 1]
        mean = torch.cat([reference_mean.expand(n, -1, -1), mean])  # [R + B, C, 1]
        var = torch.cat([reference_var.expand(n, -1, -1), var])
        normal = (values - mean) * (var + self.eps).rsqrt()  # [R + B, C, *]
        return (normal * self.weight[:, None] + self.bias[:, None]).to(x.dtype).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"{self.channels}, reference={self.reference}, eps={self.eps}"


class WithReference(nn.Module):
    """A network with `VirtualBatchNorm` layers, and the reference batch that they need.

    x: [B, ...] -> the network's output for x: the network gets [reference, x], and the reference's part is cut from
    every tensor that it returns (logits, lists of them, features). A sample's logits don't depend on other samples.

    network: any module that treats each sample by itself, except in its VirtualBatchNorm layers.
    reference: [R, ...], "chosen once and fixed at the start of training": a buffer, so in the state dict.
    Raises InputError where a VirtualBatchNorm within expects another R, and for x of another shape than the reference.
    """

    reference: Tensor

    def __init__(self, network: nn.Module, reference: Tensor) -> None:
        super().__init__()
        for name, layer in network.named_modules():
            if isinstance(layer, VirtualBatchNorm) and layer.reference != len(reference):
                raise InputError(
                    f"the reference batch has {len(reference)} samples, and {name or 'the layer'} expects "
                    f"reference={layer.reference}"
                )
        self.network = network
        self.register_buffer("reference", reference.detach().clone())

    def forward(self, x: Tensor, **options: Any) -> Any:
        if x.shape[1:] != self.reference.shape[1:]:
            raise InputError(
                f"the images are {list(x.shape[1:])} and those of the reference batch {list(self.reference.shape[1:])}"
            )
        return self._own(self.network(torch.cat([self.reference.to(x.dtype), x]), **options))

    def _own(self, made: Any) -> Any:
        """The network's output without the reference batch's part."""
        if isinstance(made, Tensor):
            return made[len(self.reference) :]
        return type(made)(self._own(part) for part in made)


def _statistics(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return torch.var_mean(x, axes, correction=0, keepdim=True)
