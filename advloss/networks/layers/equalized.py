"""Layers of equalised learning rates, and pixel norm: Karras et al. 2018, arXiv:1710.10196, section 4."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HE = math.sqrt(2)
"""The gain of a layer that a ReLU follows: He et al. 2015, arXiv:1502.01852."""


class EqualizedConv(nn.Conv2d):
    """A convolution whose weight begins as N(0, 1); the forward multiplies it by gain / sqrt(fan in).

    So an optimiser such as Adam moves all layers at the same relative speed: arXiv:1710.10196, sec. 4.1.
    """

    gain = 1.0

    def reset_parameters(self) -> None:
        """Draws the weight from N(0, 1) and sets the bias to 0."""
        self.scale = _begin(self)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight * (self.gain * self.scale), self.bias)


class EqualizedLinear(nn.Linear):
    """A dense layer whose weight begins as N(0, 1); times gain / sqrt(fan in) in the forward, as `EqualizedConv`."""

    gain = 1.0

    def reset_parameters(self) -> None:
        """Draws the weight from N(0, 1) and sets the bias to 0."""
        self.scale = _begin(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight * (self.gain * self.scale), self.bias)


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + 1e-8), at each place: arXiv:1710.10196, sec. 4.2. x: [B, C, ...]."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def with_gain(layer: nn.Conv2d | nn.Linear, gain: float) -> nn.Module:
    """An equalised layer whose outputs are `gain` times as large; given back."""
    layer.gain = gain  # type: ignore[assignment]
    return layer


@torch.no_grad()
def _begin(layer: nn.Conv2d | nn.Linear) -> float:
    """Draws the weight, zeroes the bias, returns the scale."""
    layer.weight.normal_()
    if layer.bias is not None:
        layer.bias.zero_()
    return 1 / math.sqrt(layer.weight[0].numel())
