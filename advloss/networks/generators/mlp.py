"""The first GAN's generator: dense layers."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from advloss.networks.layers.basic import chain, norm_layer
from advloss.networks.layers.classes import WithClass, check_label
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class MLPGenerator(nn.Module):
    """Dense layers with ReLUs, tanh at the end: Goodfellow et al. 2014, arXiv:1406.2661, sec. 5.

    Vectors [B, in_features] -> images [B, out, size, size] in [-1, 1]. (The authors' images are in [0, 1], with a
    sigmoid at the end: tanh is the same function on [-1, 1].) Weights begin as torch's do.

    classes: if there are K, a call takes (vectors, labels int64 [B]), and the vector is followed by an embedding of the
    class (`WithClass`).
    size: of the image, in pixels. width: of each hidden layer. layers: hidden layers (the authors have 2 of 1200).
    norm: of each hidden layer.
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 100,
        out_channels: Positive = 3,
        size: Positive = 28,
        width: Positive = 1200,
        layers: Positive = 2,
        norm: Literal["batch", "none"] = "none",
        classes: int | None = None,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_channels=out_channels, size=size, width=width, layers=layers)
        self.in_features, self.classes = in_features, classes
        self.condition = WithClass(classes) if classes else None
        self.shape = (out_channels, size, size)
        widths = [in_features + (classes or 0), *[width] * layers]

        def layer(before: int, after: int) -> nn.Sequential:
            normed = norm_layer(norm, after) if norm != "none" else None
            return chain(dense=nn.Linear(before, after), norm=normed, activation=nn.ReLU())

        self.body = nn.Sequential(*(layer(*pair) for pair in pairwise(widths)))
        self.last = nn.Linear(width, out_channels * size**2)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last layer, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        check_vectors("MLPGenerator", z, self.in_features)
        check_label(self, self.classes, label)
        if self.condition is not None:
            z = self.condition(z, label)
        return self.last(self.body(z)).tanh().unflatten(1, self.shape)  # [B, out, size, size]
