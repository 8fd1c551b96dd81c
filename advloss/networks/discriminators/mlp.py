"""The discriminator of vectors: latent codes, features of two domains, points; and of small images as vectors."""

from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, logits_of
from advloss.networks.layers.basic import Dropout, chain
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, Probability, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm


class MLPDiscriminator(nn.Module):
    """Dense layers with leaky ReLUs, or with maxout.

    Makhzani et al. 2016, arXiv:1511.05644, have such a discriminator of latent codes, Ganin et al. 2016,
    arXiv:1505.07818, one of domains; the first GAN's is of images, with maxout (Goodfellow et al. 2014,
    arXiv:1406.2661, sec. 5). Weights begin as torch's do.
    Vectors [B, in_features], or images of as many values -> one logit each [B, 1], without a sigmoid.
    With features=True: (logits, `layers` tensors [B, width]), see `discriminators`.

    in_features: of a vector. width: of each hidden layer. layers: hidden layers. spectral_norm: of every dense layer.
    dropout: its probability after each hidden layer, in train mode. pieces: above 1, each unit is the largest of as
    many linear functions (maxout: Goodfellow et al. 2013, arXiv:1302.4389), in the place of the leaky ReLU.
    Raises InputError for a parameter out of range and for anything but vectors of that many features.
    """

    def __init__(
        self,
        in_features: Positive,
        width: Positive = 512,
        layers: Positive = 3,
        spectral_norm: bool = False,
        dropout: Probability = 0.0,
        pieces: Positive = 1,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, width=width, layers=layers, pieces=pieces)
        self.in_features = in_features

        def layer(n: int) -> nn.Sequential:
            dense = nn.Linear(width if n else in_features, width * pieces)
            activation = Maxout(pieces) if pieces > 1 else nn.LeakyReLU(0.2)
            return chain(dense=dense, activation=activation, dropout=Dropout(dropout) if dropout else None)

        self.body = nn.Sequential(*map(layer, range(layers)))
        self.last = nn.Linear(width, 1)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        x = x.flatten(1) if x.ndim == 4 else x
        check_vectors("MLPDiscriminator", x, self.in_features)
        return logits_of(self.body, self.last, x, features)  # [B, width] -> [B, 1]


class Maxout(nn.Module):
    """The largest of `pieces` neighbouring values: [B, F * pieces] -> [B, F]."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)
