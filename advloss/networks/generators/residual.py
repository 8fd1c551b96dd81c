"""A small residual generator: a vector to an image."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.generators.dcgan import FIRST, check_doublings
from advloss.networks.layers.basic import BatchNorm
from advloss.networks.layers.classes import ConditionalBatchNorm, check_label
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class ResidualGenerator(nn.Module):
    """Residual blocks, each of which doubles the map: Gulrajani et al. 2017, arXiv:1704.00028, appendix C.

    Vectors [B, in_features] -> images [B, out, size, size] in [-1, 1]: a dense layer to 4 x 4 pixels, blocks, then
    batch norm, ReLU, a convolution 3 x 3 and tanh. Weights begin as in He et al. 2015, arXiv:1502.01852.

    size: of the image, in pixels: 4 times a power of 2, at least 8. width: channels of all maps (the paper's is 128).
    classes: if there are K, a call takes (vectors, labels int64 [B]), and all norms are conditional batch norms, as in
    Miyato and Koyama 2018, arXiv:1802.05637 (`ConditionalBatchNorm`).
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 128,
        out_channels: Positive = 3,
        size: Positive = 32,
        width: Positive = 128,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_channels=out_channels, width=width)
        self.in_features, self.classes = in_features, classes
        self.first = nn.Linear(in_features, width * FIRST**2)
        self.body = nn.Sequential(*(DoublingBlock(width, classes) for _ in range(check_doublings("residual", size))))
        self.norm = class_norm(width, classes)
        self.last = nn.Conv2d(width, out_channels, 3, padding=1)
        he_weights(self)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        check_vectors("ResidualGenerator", z, self.in_features)
        check_label(self, self.classes, label)
        classes = () if label is None else (label,)
        x = self.first(z).unflatten(1, (-1, FIRST, FIRST))  # [B, width, 4, 4]
        for block in self.body:
            x = block(x, *classes)
        return self.last(self.norm(x, *classes).relu()).tanh()  # [B, out, size, size]


class DoublingBlock(nn.Module):
    """up(x) + conv(relu(norm(up(conv'd x)))): the residual block of arXiv:1704.00028, appendix C, with resampling.

    x: [B, C, H, W] -> [B, C, 2H, 2W]. The map is doubled (nearest neighbour) before the first convolution.
    classes: of the conditional norms, which take labels int64 [B]; None for batch norm.
    """

    def __init__(self, channels: int, classes: int | None = None) -> None:
        super().__init__()
        self.norm1 = class_norm(channels, classes)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = class_norm(channels, classes)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, *label: Tensor) -> Tensor:
        y = self.conv1(F.interpolate(self.norm1(x, *label).relu(), scale_factor=2))  # [B, C, 2H, 2W]
        y = self.conv2(self.norm2(y, *label).relu())
        return F.interpolate(self.shortcut(x), scale_factor=2) + y  # a 1 x 1 convolution commutes with the doubling


def class_norm(channels: int, classes: int | None) -> nn.Module:
    """Batch norm, conditional if there are classes."""
    return BatchNorm(channels) if classes is None else ConditionalBatchNorm(channels, classes)


def he_weights(module: nn.Module) -> None:
    """Weights of convolutions and dense layers from N(0, 2 / inputs), biases 0; of 1 x 1 convolutions, which no ReLU
    follows, from N(0, 1 / inputs). Changes the module in place."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            inputs = layer.weight[0].numel()
            gain = 1 if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) else 2
            nn.init.normal_(layer.weight, 0.0, math.sqrt(gain / inputs))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
