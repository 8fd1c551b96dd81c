"""A small residual discriminator: an image to one logit."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain
from advloss.networks.layers.classes import check_label
from advloss.networks.layers.parameters import Positive, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm


class ResidualDiscriminator(nn.Module):
    """Residual blocks without norms, then the mean over the map: Gulrajani et al. 2017, arXiv:1704.00028, appendix C.

    Images [B, in, H, W] -> one logit each [B, 1], without a sigmoid. The first `layers` blocks halve the map, as in the
    paper, whose critic of 32 pixels has 2 of these and 2 more blocks (`plain`).
    With features=True: (logits, the maps after each block).

    width: channels of all maps (the paper's is 128). spectral_norm: of every layer.
    classes: if there are K, a call takes (images, labels int64 [B]), and a projection on the class (Miyato and Koyama
    2018, arXiv:1802.05637, sec. 3) is added to the logit. out_features: logits of an image, K of a classifier.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 128,
        layers: Positive = 2,
        plain: Positive = 2,
        spectral_norm: bool = False,
        classes: int | None = None,
        out_features: Positive = 1,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, layers=layers, plain=plain, out_features=out_features)
        self.in_channels, self.layers, self.classes = in_channels, layers, classes
        self.smallest = self.multiple = 2**layers
        halving = [HalvingBlock(width if n else in_channels, width, n > 0) for n in range(layers)]
        self.body = nn.Sequential(*halving, *(PlainBlock(width) for _ in range(plain)))
        self.last = after_mean(nn.Linear(width, out_features))
        self.projection = after_mean(nn.Linear(width, classes, bias=False)) if classes else None
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, label: Tensor | None = None, features: bool = False) -> DiscriminatorOutput:
        check_images(f"ResidualDiscriminator(layers={self.layers})", x, self.in_channels, smallest=self.smallest)
        check_label(self, self.classes, label)
        return logits_of(self.body, self.last, x, features, self.projection, label)  # [B, width, h, w] -> [B, 1]


def after_mean(dense: nn.Module) -> nn.Sequential:
    """A dense layer of the mean over the map, after a ReLU: [B, C, H, W] -> [B, out]."""
    return chain(activation=nn.ReLU(), mean=nn.AdaptiveAvgPool2d(1), vector=nn.Flatten(), dense=dense)


class HalvingBlock(nn.Module):
    """shortcut(x) + halved conv(relu(conv(relu(x)))).

    x: [B, in, H, W] -> [B, out, H // 2, W // 2]. activated: whether x goes through a ReLU first; the image does not.
    """

    def __init__(self, in_channels: int, channels: int, activated: bool) -> None:
        super().__init__()
        self.activated = activated
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x.relu() if self.activated else x).relu())
        return self.shortcut(F.avg_pool2d(x, 2)) + F.avg_pool2d(y, 2)


class PlainBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))). x: [B, C, H, W]; gives the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x.relu()).relu())
