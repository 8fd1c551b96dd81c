"""The discriminator of single pixels."""

from torch import Tensor, nn

from advloss.networks.discriminators.base import (
    DiscriminatorOutput,
    check_images,
    convolution,
    logits_of,
)
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.parameters import Dims, Norm, Positive, check_at_least
from advloss.networks.layers.spectral_norm import add_spectral_norm


class PixelDiscriminator(nn.Module):
    """C64-C128 and one channel of logits, by 1x1 convolutions: Isola et al. 2017, arXiv:1611.07004, sec. 6.1.2 (1x1).

    Images [B, in, H, W] -> logits [B, 1, H, W], without a sigmoid. Any size.
    With features=True: (logits, [[B, width, H, W], [B, 2 width, H, W]]), see `discriminators`.

    in_channels: of the image, and of the condition where one is concatenated. width: channels of the first layer.
    norm: of the second layer. With batch norm neither the second convolution nor the last has a bias, as in the
    authors' code. spectral_norm: of every convolution. dims: 1 for signals [B, in, L], 3 for volumes [B, in, D, H, W].
    Raises InputError for a parameter out of range, and for images of other channels or dimensions.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        norm: Norm = "batch",
        spectral_norm: bool = False,
        dims: Dims = 2,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width)
        convolve = convolution(dims)
        self.in_channels = in_channels
        self.dims = dims
        bias = norm != "batch"
        second = convolve(width, 2 * width, 1, bias=bias)
        self.body = nn.Sequential(
            chain(conv=convolve(in_channels, width, 1), activation=nn.LeakyReLU(0.2)),
            chain(conv=second, norm=norm_layer(norm, 2 * width), activation=nn.LeakyReLU(0.2)),
        )
        self.last = convolve(2 * width, 1, 1, bias=bias)
        init_weights(self)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images("PixelDiscriminator", x, self.in_channels, self.dims)
        return logits_of(self.body, self.last, x, features)  # [B, 2 width, H, W] -> [B, 1, H, W]
