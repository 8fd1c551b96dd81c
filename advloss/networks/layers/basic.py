"""The layers that the networks are made of: norms, dropout, reflect padding, upsampling; and initial weights.

No activation works in place: after a norm that would need a copy of the tensor, which costs more than it saves.
"""

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.core.reflection import reflected
from advloss.networks.layers.parameters import (
    Init,
    Norm,
    Padding,
    Statistics,
    Upsampling,
    check_choice,
    check_probability,
)
from advloss.networks.layers.resampling import BlurredDoubling


class InstanceNorm(nn.Module):
    """Each channel of each image to mean 0 and variance 1: Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022.

    x: [B, C, *]. Returns the same shape. affine: a learned scale and shift for each channel.
    It keeps no running statistics, so training and eval mode are the same function.
    It is computed as a group norm with one channel a group: `F.instance_norm` on the CPU gives a wrong input gradient
    for one image with a channels_last gradient.
    Raises InputError for a map of one value, whose variance is always 0.
    """

    def __init__(self, channels: int, affine: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if math.prod(x.shape[2:]) == 1:
            raise InputError("instance norm needs more than one value a channel, and the feature map is down to 1x1")
        return F.group_norm(x, self.channels, self.weight, self.bias, self.eps)  # [B, C, *]

    def extra_repr(self) -> str:
        return f"{self.channels}, affine={self.weight is not None}, eps={self.eps}"


class BatchNorm(_BatchNorm):
    """Batch norm (Ioffe, Szegedy 2015, arXiv:1502.03167, alg. 1) with a choice of the statistics in eval mode.

    x: [B, C, *]. Returns the same shape.
    statistics_at_inference: eval mode normalises by the `running` averages of training, or by the `batch`'s own mean
    and variance, as pix2pix does at test time (Isola et al. 2017, arXiv:1611.07004, sec. 3.3). It changes no average.
    affine: a learned scale and shift for each channel.
    """

    def __init__(
        self,
        channels: int,
        statistics_at_inference: Statistics = "running",
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=affine)
        check_choice("statistics_at_inference", statistics_at_inference, Statistics)
        self.statistics_at_inference = statistics_at_inference

    def forward(self, input: Tensor) -> Tensor:
        if self.training or self.statistics_at_inference == "running":
            return super().forward(input)
        return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)  # [B, C, *]

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions is accepted."""

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, statistics_at_inference={self.statistics_at_inference}"


class Dropout(nn.Module):
    """Zeroes each value with probability p and divides the others by 1 - p: Srivastava et al. 2014, JMLR 15.

    at_inference: whether it works in eval mode too: it is pix2pix's only noise (Isola et al. 2017, arXiv:1611.07004,
    sec. 3.1).
    Raises InputError for a p outside [0, 1).
    """

    def __init__(self, p: float, at_inference: bool = False) -> None:
        super().__init__()
        check_probability(dropout=p)
        self.p = p
        self.at_inference = at_inference

    @property
    def draws(self) -> bool:
        """Whether two calls on one input give different outputs."""
        return self.p > 0

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, training=self.training or self.at_inference)

    def extra_repr(self) -> str:
        return f"p={self.p}, at_inference={self.at_inference}"


class GaussianNoise(nn.Module):
    """x + sigma n, n ~ N(0, I), in train mode; in eval mode x."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        at_least(0).check("sigma", sigma)
        self.sigma = sigma

    @property
    def draws(self) -> bool:
        """Whether two calls on one input give different outputs."""
        return self.sigma > 0

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}"


class BiasedLeakyReLU(nn.Module):
    """A learned shift for each channel, then leaky ReLU (0.2). x: [B, C, H, W]; gives the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias.to(x.dtype)[:, None, None], 0.2)


class Conv(nn.Conv2d):
    """`nn.Conv2d` whose reflect padding has a deterministic gradient under `torch.use_deterministic_algorithms`.

    On CUDA the gradient of torch's reflect padding is not deterministic: two equal runs would end with other bytes.
    """

    def forward(self, input: Tensor) -> Tensor:
        deterministic = self.padding_mode == "reflect" and torch.are_deterministic_algorithms_enabled()
        if deterministic and isinstance(self.padding, tuple):
            rows, columns = self.padding
            self._check_room(input, rows, columns)
            input = reflected(reflected(input, 2, rows, rows), 3, columns, columns)
            return F.conv2d(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return super().forward(input)

    def _check_room(self, x: Tensor, rows: int, columns: int) -> None:
        """Raises InputError where the padding is as large as the map; `F.pad` refuses this too."""
        for pixels, there in ((rows, x.shape[2]), (columns, x.shape[3])):
            if pixels >= there:
                raise InputError(
                    f"reflect padding of {pixels} needs at least {pixels + 1} pixels, and there are {there}"
                )


def norm_layer(
    name: Norm, channels: int, statistics_at_inference: Statistics = "running", affine: bool = True
) -> nn.Module:
    """The norm with this name: `instance` (no scale and shift, as in CycleGAN), `batch`, `none`; else InputError.

    affine: whether batch norm has a scale and shift.
    """
    check_choice("norm", name, Norm)
    if name == "instance":
        return InstanceNorm(channels)
    if name == "batch":
        return BatchNorm(channels, statistics_at_inference, affine=affine)
    return nn.Identity()


def upsampling_layer(
    name: Upsampling,
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    bias: bool = True,
    padding: Padding = "zeros",
) -> nn.Module:
    """A learned layer that doubles height and width: [B, in, H, W] -> [B, out, 2H, 2W].

    transposed: a transposed convolution of stride 2 with the given kernel (3 or 4).
    resize: nearest neighbour x2, then a 3x3 convolution with the given padding, which leaves no checkerboard
    (Odena, Dumoulin, Olah 2016, "Deconvolution and Checkerboard Artifacts", doi:10.23915/distill.00003).
    antialiased: `BlurredDoubling`, then a 3x3 convolution padded with zeros (Park et al. 2020, arXiv:2007.15651).
    Raises InputError for another name.
    """
    check_choice("upsample", name, Upsampling)
    if name == "transposed":
        return nn.ConvTranspose2d(
            in_channels, out_channels, kernel, stride=2, padding=1, output_padding=kernel % 2, bias=bias
        )
    if name == "antialiased":
        conv = Conv(in_channels, out_channels, 3, padding=1, bias=bias)
        return chain(resize=BlurredDoubling("replicate"), conv=conv)
    conv = Conv(in_channels, out_channels, 3, padding=1, padding_mode=padding, bias=bias)
    return chain(resize=nn.Upsample(scale_factor=2, mode="nearest"), conv=conv)


def chain(**modules: nn.Module | None) -> nn.Sequential:
    """A Sequential of the modules in this order, with these names. Those that are None are skipped."""
    return nn.Sequential(OrderedDict((name, module) for name, module in modules.items() if module is not None))


@torch.no_grad()
def init_weights(module: nn.Module, std: float = 0.02, init: Init = "normal") -> None:
    """Gaussian initial weights: Isola et al. 2017, arXiv:1611.07004, sec. 6.2; Zhu et al. 2017, arXiv:1703.10593, 7.1.

    Weights of convolutions and linear layers from N(0, std^2), scales of batch norms from N(1, std^2), biases and
    shifts 0. Changes the module and all modules within it in place.
    init: `xavier` takes std times the deviation of Glorot and Bengio 2010 (AISTATS), eq. 12, for convolutions and
    linear layers, as the code of CUT does (Park et al. 2020, arXiv:2007.15651). Raises InputError for another one.
    """
    check_choice("init", init, Init)
    for layer in module.modules():
        if isinstance(layer, _ConvNd | nn.Linear):
            if init == "xavier":
                nn.init.xavier_normal_(layer.weight, std)
            else:
                layer.weight.normal_(0.0, std)
        elif isinstance(layer, _BatchNorm) and layer.affine:
            layer.weight.normal_(1.0, std)
        else:
            continue
        if layer.bias is not None:
            layer.bias.zero_()
