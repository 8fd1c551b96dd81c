"""Losses in the features of a network trained on photographs: LPIPS.

x, y: float images [B, C, H, W] of one shape in [-1, 1], of 3 channels, or of 1 (grey), which is repeated three times.
Features are compared in float32 at least; under autocast to bfloat16 the backbone's convolutions are in bfloat16,
otherwise in float32.
"""

import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32, frozen_precision, full_precision
from advloss.losses.checks import InputCheck
from advloss.pretrained.weights import Frozen, load_features

Backbone = Literal["alex", "vgg", "squeeze"]
WEIGHTS = {"alex": "AlexNet_Weights", "vgg": "VGG16_Weights", "squeeze": "SqueezeNet1_1_Weights"}
LEAST_SIZE = {"alex": 31, "vgg": 16, "squeeze": 17}
"""The smallest height and width, in pixels, for which the network's last layer used has an output."""

EPSILON = 1e-10
"""Added to a norm before it divides, as in the package `lpips`."""


class LPIPS(nn.Module):
    """Learned perceptual distance, 0 for equal images: the mean over the batch of

        sum over layers l of mean over pixels of w_l . (f_l(x) - f_l(y))^2

    with f_l the features of layer l, of norm 1 at each pixel. Zhang et al. 2018, arXiv:1801.03924, eq. 1; networks and
    version 0.1 of the weights w are of the authors' package `lpips`.

    net: the backbone: alex (the authors' choice for evaluation), vgg (closest to earlier perceptual losses) or squeeze.
    pretrained: False leaves the backbone random: for tests and dry runs, no measure of anything.

    The whole network is frozen and in evaluation mode, always. It is in neither `parameters()` nor the state dict, so
    that checkpoints stay small, and follows the images to their device. The backbone's weights are torchvision's, from
    its cache; if they are not there, they are downloaded (at most 550 MB, vgg).

    Raises InputError: weights that are missing and can't be downloaded, or damaged; images of different shapes, too
    small (31 pixels for alex, 16 vgg, 17 squeeze), of other than 1 or 3 channels, or with values far outside [-1, 1].
    """

    partners = True

    own_precision = True
    """`Term` leaves autocast to it."""

    def __init__(self, net: Backbone = "alex", pretrained: bool = True) -> None:
        super().__init__()
        self.net = net
        self.check = InputCheck()
        self._network = Frozen(_build(net, pretrained))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y: [B, 3 or 1, H, W] in [-1, 1] -> scalar."""
        return self.distances(x, y).mean()

    def distances(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of each pair of images: [B, 3 or 1, H, W] twice -> [B]."""
        self.check(x=x, y=y)
        least = LEAST_SIZE[self.net]
        if x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[2:]) < least:
            raise InputError(
                f"LPIPS ({self.net}) compares images [B, 3 or 1, H, W] of at least {least} x {least} pixels; "
                f"these have shape {tuple(x.shape)}"
            )
        x, y = (at_least_float32(image).expand(-1, 3, -1, -1) for image in (x, y))  # grey: three times
        if x.is_meta:
            return (x - y).flatten(1).mean(1)  # of the shape and the dependence of the distance
        network: Any = self._network.on(x)
        with frozen_precision(x):
            maps = [network.net(network.scaling_layer(image)) for image in (x, y)]
        with full_precision(x):
            total = x.new_zeros(x.shape[0])
            for weigh, *pair in zip(network.lins, *maps, strict=True):
                f, g = (_of_norm_1(at_least_float32(each)) for each in pair)
                total = total + weigh((f - g).square()).mean((1, 2, 3))  # a convolution with w_l, to one channel
            return total

    def extra_repr(self) -> str:
        return f"net={self.net}"


def _of_norm_1(maps: Tensor) -> Tensor:
    """[B, C, H, W], each pixel divided by its norm over the channels. At a pixel of zeros the gradient is 0, not
    NaN."""
    squares = maps.square().sum(1, keepdim=True)  # on a CPU ten times as fast as vector_norm
    return maps / (squares.clamp_min(torch.finfo(maps.dtype).tiny).sqrt() + EPSILON)


def _build(net: Backbone, pretrained: bool) -> nn.Module:
    """The package's network. Takes no random numbers, so that a loss changes nothing else in a run."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchvision's deprecations, which are the package's to heed
        import lpips  # late: it loads torchvision

        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    if pretrained:
        # The package cuts torchvision's `features` into slices and keeps their numbers.
        load_features(network.net, WEIGHTS[net], f"LPIPS ({net})")
    return network
