"""Dense layers: images to codes, and features to logits of classes."""

from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.networks.encoders.convolutional import check_square
from advloss.networks.layers.basic import chain
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class MLPEncoder(nn.Module):
    """Dense layers with ReLUs: Makhzani et al. 2016, arXiv:1511.05644, appendix A. Weights begin as torch's do.

    Images [B, in, size, size] -> codes [B, out_channels], of any value.

    size: of the image, in pixels. out_channels: the length of a code. width: of each hidden layer. layers: hidden
    layers. Raises InputError for a parameter out of range, and for images of another size or of other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        out_channels: Positive = 8,
        size: Positive = 28,
        width: Positive = 1000,
        layers: Positive = 2,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, size=size, width=width, layers=layers)
        self.in_channels, self.size = in_channels, size
        self.body = _hidden(in_channels * size**2, width, layers)
        self.last = nn.Linear(width, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        check_square("MLPEncoder", x, self.in_channels, self.size)
        return self.last(self.body(x.flatten(1)))  # [B, out_channels]


class DenseClassifier(nn.Module):
    """Dense layers with ReLUs: Ganin et al. 2016, arXiv:1505.07818, fig. 4. Weights begin as torch's do.

    Features [B, in_features] -> logits [B, classes], without a softmax.

    width: of each hidden layer. layers: hidden layers; with 0 it is one linear layer.
    Raises InputError for a parameter out of range, for fewer than two classes, and for anything but vectors of that
    many features.
    """

    def __init__(
        self,
        in_features: Positive = 100,
        classes: Positive = 2,
        width: Positive = 100,
        layers: Annotated[int, at_least(0)] = 2,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, classes=classes, width=width)
        check_at_least(0, layers=layers)
        if classes < 2:
            raise InputError("the labels are all of one class, and a classifier tells classes apart; give two or more")
        self.in_features = in_features
        self.body = _hidden(in_features, width, layers)
        self.last = nn.Linear(width if layers else in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        check_vectors("DenseClassifier", x, self.in_features)
        return self.last(self.body(x))  # [B, classes]


def _hidden(features: int, width: int, layers: int) -> nn.Sequential:
    pairs = pairwise([features, *[width] * layers])
    return nn.Sequential(*(chain(dense=nn.Linear(*pair), activation=nn.ReLU()) for pair in pairs))
