"""The first GAN's generator: dense layers."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.layers.basic import chain
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class MLPGenerator(nn.Module):
    """Dense layers with ReLUs, tanh at the end: Goodfellow et al. 2014, arXiv:1406.2661, sec. 5.

    Vectors [B, in_features] -> images [B, out, size, size] in [-1, 1]. (The authors' images are in [0, 1], with a
    sigmoid at the end: tanh is the same function on [-1, 1].) Weights begin as torch's do.

    size: of the image, in pixels. width: of each hidden layer. layers: hidden layers (the authors have 2 of 1200).
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 100,
        out_channels: Positive = 3,
        size: Positive = 28,
        width: Positive = 1200,
        layers: Positive = 2,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_channels=out_channels, size=size, width=width, layers=layers)
        self.in_features = in_features
        self.shape = (out_channels, size, size)
        widths = [in_features, *[width] * layers]
        hidden = pairwise(widths)
        self.body = nn.Sequential(*(chain(dense=nn.Linear(*pair), activation=nn.ReLU()) for pair in hidden))
        self.last = nn.Linear(width, out_channels * size**2)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last layer, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor) -> Tensor:
        check_vectors("MLPGenerator", z, self.in_features)
        return self.last(self.body(z)).tanh().unflatten(1, self.shape)  # [B, out, size, size]
