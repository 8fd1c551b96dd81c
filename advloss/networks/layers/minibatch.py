"""Layers that let a discriminator compare the samples of a batch, so that it notices when all fakes are alike."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.parameters import Positive, check_at_least


class MinibatchStdDev(nn.Module):
    """One more channel: how much a group of samples varies. Karras et al. 2018, arXiv:1710.10196, sec. 3.

    x: [B, C, *] -> [B, C + 1, *]. The new channel is one number for each group: the standard deviation of each value
    over the group's samples, averaged over channels and places. In float32 at least.

    group: samples a group (4 in StyleGAN2; the whole batch if it is smaller). With m = ceil(B / group) groups sample i
    is in group i mod m, as in StyleGAN2's code; where `group` does not divide the batch, some have one sample less.
    A batch of one has deviation sqrt(1e-8) = 1e-4. The samples of a group influence each other's logits, and a
    gradient penalty, which takes the gradient of each sample, includes this influence, as in StyleGAN2.
    """

    mixes_samples = True

    def __init__(self, group: Positive = 4) -> None:
        super().__init__()
        check_at_least(1, group=group)
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        batch = len(x)
        groups = -(-batch // self.group)
        rows = -(-batch // groups)
        values = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(1)  # [B, F]
        values = F.pad(values, (0, 0, 0, rows * groups - batch)).unflatten(0, (rows, groups))  # [rows, groups, F]
        sample = torch.arange(rows * groups, device=x.device).view(rows, groups, 1)
        there = (sample < batch).to(values.dtype)  # 0 for the padding
        count = there.sum(0)  # [groups, 1]
        apart = (values - values.sum(0) / count) * there
        deviation = (apart.square().sum(0) / count + 1e-8).sqrt().mean(1)  # [groups]
        channel = deviation.repeat(rows)[:batch].to(x.dtype)  # [B]
        return torch.cat([x, channel.view(-1, *[1] * (x.ndim - 1)).expand(-1, 1, *x.shape[2:])], 1)  # [B, C + 1, *]

    def extra_repr(self) -> str:
        return f"group={self.group}"


class MinibatchDiscrimination(nn.Module):
    """How close each sample is to the others, in learned measures: Salimans et al. 2016, arXiv:1606.03498, sec. 3.2.

    x: [B, in_features] -> [B, in_features + out_features]: x itself, followed by
    o(x_i)_b = sum_j exp(-|M_ib - M_jb|_1) with M_i = x_i T, T of [in_features, out_features, kernel_dims].
    The sum is over all samples j of the batch, i itself among them, as in the paper; so it is at least 1. It takes
    memory of B^2 * out_features * kernel_dims values, in float32 at least.

    in_features, out_features, kernel_dims: the paper's A, B and C. T begins as N(0, 0.05^2), as in the authors' code.
    Raises InputError for a parameter out of range and for x of another shape.
    """

    mixes_samples = True

    def __init__(self, in_features: Positive, out_features: Positive, kernel_dims: Positive) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_features=out_features, kernel_dims=kernel_dims)
        self.weight = nn.Parameter(0.05 * torch.randn(in_features, out_features, kernel_dims))

    def forward(self, x: Tensor) -> Tensor:
        check_vectors("MinibatchDiscrimination", x, self.weight.shape[0])
        m = (x @ self.weight.flatten(1)).unflatten(1, self.weight.shape[1:])  # [B, out, kernel]
        m = m.to(torch.promote_types(m.dtype, torch.float32))
        distance = (m[:, None] - m).abs().sum(-1)  # [B, B, out]
        closeness = torch.exp(-distance).sum(1)  # [B, out]
        return torch.cat([x, closeness.to(x.dtype)], 1)  # [B, in + out]

    def extra_repr(self) -> str:
        return "in_features={}, out_features={}, kernel_dims={}".format(*self.weight.shape)


def check_vectors(network: str, x: Tensor, features: int) -> None:
    """Raises InputError where x is not [B, features]."""
    if x.ndim != 2 or x.shape[1] != features:
        raise InputError(f"{network} got a tensor of shape {list(x.shape)}; it takes vectors [B, {features}]")
