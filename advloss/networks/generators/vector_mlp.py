"""The generator of vectors: points, latent codes."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.layers.basic import chain
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, check_at_least


class VectorMLP(nn.Module):
    """Dense layers with ReLUs, the last one linear: the generator of Metz et al. 2017, arXiv:1611.02163, appendix A.

    Vectors [B, in_features] -> vectors [B, out_channels], of any range. Weights begin as torch's do.

    width: of each hidden layer. layers: hidden layers (the paper has 2 of 128).
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self, in_features: Positive = 2, out_channels: Positive = 2, width: Positive = 128, layers: Positive = 2
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, out_channels=out_channels, width=width, layers=layers)
        self.in_features = in_features
        hidden = pairwise([in_features, *[width] * layers])
        self.body = nn.Sequential(*(chain(dense=nn.Linear(*pair), activation=nn.ReLU()) for pair in hidden))
        self.last = nn.Linear(width, out_channels)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last layer, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor) -> Tensor:
        check_vectors("VectorMLP", z, self.in_features)
        vectors: Tensor = self.last(self.body(z))  # [B, out]
        return vectors
