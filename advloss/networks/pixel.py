"""The discriminator that judges every pixel by itself."""

from torch import Tensor, nn

from advloss.networks.layers import chain, init_weights, norm_layer
from advloss.networks.parameters import Norm, Positive, check_at_least


class PixelDiscriminator(nn.Module):
    """C64-C128 and one channel of logits, by 1x1 convolutions: Isola et al. 2017, arXiv:1611.07004, sec. 6.1.2 (1x1).

    Images [B, in, H, W] -> logits [B, 1, H, W], without a sigmoid. Any size.

    in_channels: of the image, and of the condition where one is concatenated. width: channels of the first layer.
    norm: of the second layer. With batch norm neither the second convolution nor the last has a bias, as in the
    authors' code.
    Raises InputError for a parameter out of range.
    """

    def __init__(self, in_channels: Positive = 3, width: Positive = 64, norm: Norm = "batch") -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width)
        bias = norm != "batch"
        second = nn.Conv2d(width, 2 * width, 1, bias=bias)
        self.body = nn.Sequential(
            chain(conv=nn.Conv2d(in_channels, width, 1), activation=nn.LeakyReLU(0.2)),
            chain(conv=second, norm=norm_layer(norm, 2 * width), activation=nn.LeakyReLU(0.2)),
        )
        self.last = nn.Conv2d(2 * width, 1, 1, bias=bias)
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)  # [B, 2 width, H, W]
        return self.last(x)  # [B, 1, H, W]
