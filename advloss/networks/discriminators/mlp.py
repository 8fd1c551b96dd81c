"""The discriminator of vectors: latent codes, features of two domains, points; and of small images as vectors."""

from typing import Annotated

from torch import Tensor, nn

from advloss.core.limits import at_least
from advloss.networks.discriminators.base import DiscriminatorOutput, logits_of
from advloss.networks.layers.basic import Dropout, GaussianNoise, chain
from advloss.networks.layers.classes import check_label
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive, Probability, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm

Deviation = Annotated[float, at_least(0)]


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
    input_noise, noise: in train mode, the standard deviation of normal noise on the input of the first, and of each
    further layer (0.3 and 0.5 in the code of Salimans et al. 2016, arXiv:1606.03498, for MNIST).
    classes: if there are K, a call takes (vectors, labels int64 [B]), and a projection on the class (Miyato and Koyama
    2018, arXiv:1802.05637, sec. 3) is added to the logit. out_features: logits of an item, K of a classifier.
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
        input_noise: Deviation = 0.0,
        noise: Deviation = 0.0,
        classes: int | None = None,
        out_features: Positive = 1,
    ) -> None:
        super().__init__()
        check_at_least(1, in_features=in_features, width=width, layers=layers, pieces=pieces, out_features=out_features)
        self.in_features, self.classes = in_features, classes

        def layer(n: int) -> nn.Sequential:
            dense = nn.Linear(width if n else in_features, width * pieces)
            activation = Maxout(pieces) if pieces > 1 else nn.LeakyReLU(0.2)
            dropped = Dropout(dropout) if dropout else None
            sigma = noise if n else input_noise
            noisy = GaussianNoise(sigma) if sigma else None
            return chain(noise=noisy, dense=dense, activation=activation, dropout=dropped)

        self.body = nn.Sequential(*map(layer, range(layers)))
        dense = nn.Linear(width, out_features)
        self.last: nn.Module = chain(noise=GaussianNoise(noise), dense=dense) if noise else dense
        self.projection = nn.Linear(width, classes, bias=False) if classes else None
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, label: Tensor | None = None, features: bool = False) -> DiscriminatorOutput:
        x = x.flatten(1) if x.ndim == 4 else x
        check_vectors("MLPDiscriminator", x, self.in_features)
        check_label(self, self.classes, label)
        return logits_of(self.body, self.last, x, features, self.projection, label)  # [B, width] -> [B, 1]


class Maxout(nn.Module):
    """The largest of `pieces` neighbouring values: [B, F * pieces] -> [B, F]."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)
