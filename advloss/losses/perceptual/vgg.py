"""Losses in the features of VGG, a network trained to name photographs: features alone, and style.

x, y: float images [B, C, H, W] of one shape in [-1, 1], of 3 channels, or of 1 (grey), which is repeated three times.
They are converted to what VGG was trained on, [0, 1] less ImageNet's mean over its deviation. The maps are compared in
float32 at least; under autocast to bfloat16 VGG's convolutions are in bfloat16, otherwise in float32.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from advloss.core.errors import InputError, unknown
from advloss.core.limits import above, at_least, check_limits
from advloss.core.precision import at_least_float32, frozen_precision, full_precision
from advloss.losses.checks import InputCheck
from advloss.pretrained.vgg import Net, stage_names, vgg
from advloss.pretrained.weights import Frozen

Layers = dict[str, Annotated[float, at_least(0)]]
ESRGAN: Layers = {"conv5_4": 1.0}
GATYS: Layers = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 0.2)


class _LayerLoss(nn.Module):
    """sum over layers of weight times the distance of the layer's maps of x and y."""

    own_precision = True
    """`Term` leaves autocast to it."""

    def __init__(self, layers: Mapping[str, float], net: Net, pretrained: bool) -> None:
        super().__init__()
        self.net = net
        self.layers = _checked(layers, net)
        self.check = InputCheck()
        self._network = Frozen(vgg(net, self.layers, pretrained, f"{type(self).__name__} ({net})"))

    @abstractmethod
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of two maps of one layer: [B, C, H, W] twice -> scalar."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y: [B, 3 or 1, H, W] in [-1, 1] -> scalar. The gradient goes to x alone."""
        self.check(x=x, y=y)
        self._check_shape(x)
        if torch.is_grad_enabled() and y.requires_grad and not x.requires_grad:
            raise InputError("the gradient goes to the first image alone: name the one that is made first")
        x, y = (at_least_float32(image).expand(-1, 3, -1, -1) for image in (x, y))  # grey: three times
        if x.is_meta:
            return x.mean()  # of the shape and the dependence of the loss
        network = self._network.on(x)
        with frozen_precision(x):
            with torch.no_grad():
                targets = network(y)
            maps = network(x)
        with full_precision(x):
            pairs = {name: (at_least_float32(maps[name]), at_least_float32(targets[name])) for name in self.layers}
            return torch.stack([weight * self.distance(*pairs[name]) for name, weight in self.layers.items()]).sum()

    def _check_shape(self, x: Tensor) -> None:
        least = self._network.network.least
        if x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[2:]) < least:
            raise InputError(
                f"{type(self).__name__} compares images [B, 3 or 1, H, W], for these layers of at least "
                f"{least} x {least} pixels; these have shape {tuple(x.shape)}"
            )

    def extra_repr(self) -> str:
        return f"net={self.net}, layers={self.layers}"


class VGGFeatures(_LayerLoss):
    """The distance of x and y in VGG's features, 0 for equal images:

        sum over layers l of weight_l times the mean over batch, channels and pixels of |s (f_l(x) - f_l(y))|^p

    with f_l the maps of layer l, s `feature_scale`, and p = 1 (distance l1) or 2 (l2).

    layers: the weight of each by its name: conv5_4 is the fourth convolution of block 5 before its ReLU, relu5_4 after
    it; a weight of 0 leaves a layer out; net: vgg16 or vgg19, which alone has the layers 3_4, 4_4 and 5_4; pretrained:
    False leaves the network random (fixed): for tests and dry runs, no measure of anything.

    - SRGAN, Ledig et al. 2017, arXiv:1609.04802, sections 2.2.1 and 3.2: layers {relu5_4: 1} ("after activation"), l2,
      feature_scale 0.0784 (1 / 12.75, which makes the loss 0.006 times as large, as large as a pixel loss).
    - ESRGAN, Wang et al. 2018, arXiv:1809.00219, section 3.2: layers {conv5_4: 1}, l1. These are the defaults.
    - Real-ESRGAN, Wang et al. 2021, arXiv:2107.10833, section 4.1: layers {conv1_2: 0.1, conv2_2: 0.1, conv3_4: 1,
      conv4_4: 1, conv5_4: 1}, l1.

    The whole network is frozen, in evaluation mode and only as deep as the layers ask. It is in neither `parameters()`
    nor the state dict, and follows the images to their device. Its weights are torchvision's, from its cache; if they
    are not there, they are downloaded (550 MB). The gradient goes to x alone, y is the target.

    Raises InputError: an unknown layer; weights that are missing and can't be downloaded, or damaged; images of
    different shapes, too small (16 pixels for block 5, half of it for each block less), of other than 1 or 3 channels,
    or with values far outside [-1, 1]; a gradient that only y could take.
    """

    partners = True

    def __init__(
        self,
        layers: Layers = ESRGAN,
        net: Net = "vgg19",
        distance: Literal["l1", "l2"] = "l1",
        feature_scale: Annotated[float, above(0)] = 1.0,
        pretrained: bool = True,
    ) -> None:
        check_limits(self, feature_scale=feature_scale)
        super().__init__(layers, net, pretrained)
        self._compare = {"l1": l1_loss, "l2": mse_loss}[distance]
        self.feature_scale = feature_scale

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return self._compare(self.feature_scale * x, self.feature_scale * y)


class Style(_LayerLoss):
    """The distance of the styles of x and y, whatever stands where, 0 for equal images: the mean over the batch of

        sum over layers l of weight_l times the sum over i and j of (G_l(x) - G_l(y))_ij^2

    with G_l the Gram matrix of layer l: the sum over pixels of f_i f_j over C H W, with f_i its map of channel i.
    Gatys, Ecker and Bethge 2015, arXiv:1508.06576, eq. 4 and 5, with the Gram matrices of Johnson, Alahi and Fei-Fei
    2016, arXiv:1603.08155, eq. 3 and 4. Gatys et al.'s own loss is a quarter of it.

    layers: the weight of each by its name, as in `VGGFeatures`; the default is Gatys et al.'s five, 1/5 each. All else
    is as in `VGGFeatures` too.
    """

    def __init__(self, layers: Layers = GATYS, net: Net = "vgg19", pretrained: bool = True) -> None:
        super().__init__(layers, net, pretrained)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return (gram(x) - gram(y)).square().sum((1, 2)).mean()


def gram(maps: Tensor) -> Tensor:
    """The Gram matrix of each image's maps over their number of values: [B, C, H, W] -> [B, C, C]."""
    flat = maps.flatten(2)  # [B, C, H W]
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def _checked(layers: Mapping[str, float], net: Net) -> dict[str, float]:
    """The layers that count; InputError if one does not exist, or none counts."""
    known = [name for name in stage_names(net) if not name.startswith("pool")]
    for name, weight in layers.items():
        if name not in known:
            raise InputError(f"layers: {unknown(f'layer of {net}', name, known)}")
        at_least(0).check(f"layers: {name}", weight)
    counting = {name: weight for name, weight in layers.items() if weight > 0}
    if not counting:
        raise InputError("layers: none counts; give at least one a weight, such as layers={relu5_4: 1}")
    return counting
