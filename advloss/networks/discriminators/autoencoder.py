"""The discriminator of energies: how badly an autoencoder, which learns real images, reconstructs an image."""

from typing import ClassVar

from torch import Tensor, nn

from advloss.core.limits import check_limits
from advloss.core.precision import at_least_float32
from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, outputs
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.padding import pad
from advloss.networks.layers.parameters import Norm, Positive


class AutoencoderDiscriminator(nn.Module):
    """E(x) = mean (Dec(Enc(x)) - x)^2 of each image: Zhao, Mathieu, LeCun 2017, arXiv:1609.03126, sec. 2 and 4.

    Images [B, in, H, W] -> energies [B, 1], at least 0 and low for what looks real; for the objective `ebgan`, whose
    margin is on their scale. The paper's norm is the root of the sum of these squares; the mean does not grow with the
    image. The encoder is `layers` convolutions 4x4 of stride 2, the decoder as many transposed ones back to the image,
    whose last has no activation. Sides that 2**layers does not divide are mirrored up to what it divides, and the error
    is that of the image alone; images must be at least `smallest` (2**layers) pixels in each direction.
    With features=True: (energies, the outputs of the 2 `layers` - 1 layers before the reconstruction).

    in_channels: of the image, and of the condition where one is concatenated, which is reconstructed too.
    width: channels of the first layer; layer n has `width * min(2**n, 8)`. norm: of all layers but the first and last.
    Raises InputError for a parameter out of range, and for images too small or of other channels.
    """

    energy: ClassVar[bool] = True

    def __init__(
        self, in_channels: Positive = 3, width: Positive = 64, layers: Positive = 3, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        check_limits(self, in_channels=in_channels, width=width, layers=layers)
        self.in_channels = in_channels
        self.layers = layers
        self.code_layer = layers - 1  # the encoder's output among the feature maps, for the pulling-away term
        self.smallest = self.multiple = 2**layers
        channels = [in_channels, *(width * min(2**n, 8) for n in range(layers))]
        bias = norm != "batch"

        def down(n: int) -> nn.Sequential:
            conv = nn.Conv2d(channels[n], channels[n + 1], 4, 2, padding=1, bias=bias or n == 0)
            return chain(conv=conv, norm=norm_layer(norm, channels[n + 1]) if n else None, activation=nn.LeakyReLU(0.2))

        def up(n: int) -> nn.Sequential:
            conv = nn.ConvTranspose2d(channels[n + 1], channels[n], 4, 2, padding=1, bias=bias)
            return chain(conv=conv, norm=norm_layer(norm, channels[n]), activation=nn.ReLU())

        self.body = nn.Sequential(*map(down, range(layers)), *map(up, reversed(range(1, layers))))
        self.last = nn.ConvTranspose2d(channels[1], in_channels, 4, 2, padding=1)
        init_weights(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images(f"AutoencoderDiscriminator(layers={self.layers})", x, self.in_channels, smallest=self.smallest)
        reconstruction, maps = outputs(self.body, self.last, pad(self, x))
        error = at_least_float32(reconstruction[..., : x.shape[2], : x.shape[3]]) - at_least_float32(x)
        energy = error.square().mean((1, 2, 3)).unsqueeze(1)  # [B, 1]
        return (energy, maps) if features else energy
