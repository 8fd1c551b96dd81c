"""The discriminator of overlapping patches."""

from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.base import (
    DiscriminatorOutput,
    check_images,
    convolution,
    logits_of,
)
from advloss.networks.layers.basic import chain, init_weights, norm_layer
from advloss.networks.layers.parameters import (
    Dims,
    Downsampling,
    Init,
    Norm,
    Positive,
    check_at_least,
    check_choice,
)
from advloss.networks.layers.resampling import BlurredHalving
from advloss.networks.layers.spectral_norm import add_spectral_norm


class PatchGAN(nn.Module):
    """C64-C128-C256-C512 and one channel of logits: Isola et al. 2017, arXiv:1611.07004, sec. 3.2.2 and 6.1.2.

    Images [B, in, H, W] -> logits [B, 1, H', W'], one a patch, without a sigmoid. Convolutions are 4x4: the first
    `layers` of stride 2, then two of stride 1. Patches are 16, 34, 70, 142, 286 pixels wide for 1, 2, 3, 4, 5 layers;
    images must be at least `smallest` (3 * 2**layers) pixels in each direction.
    With features=True: (logits, the outputs of the `layers + 1` layers before the logits), see `discriminators`.

    in_channels: of the image, and of the condition where one is concatenated (6 for pix2pix).
    width: channels of the first layer; layer n has `width * min(2**n, 8)`. norm: of all but the first and the last.
    spectral_norm: of every convolution (Miyato et al. 2018, arXiv:1802.05957); with norm none it bounds the gradient.
    downsample: `strided`, or `antialiased`, for images: convolutions of stride 1, whose activations are blurred before
    pixels are dropped (`BlurredHalving`), as in CUT (Park et al. 2020, arXiv:2007.15651). init: see `init_weights`.
    dims: 1 for signals [B, in, L], 3 for volumes [B, in, D, H, W], with convolutions of as many dimensions.
    `body` is one module a layer and `last` the convolution to logits.
    Raises InputError for a parameter out of range, and for images too small or of other channels or dimensions.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        width: Positive = 64,
        layers: Positive = 3,
        norm: Norm = "batch",
        spectral_norm: bool = False,
        dims: Dims = 2,
        downsample: Downsampling = "strided",
        init: Init = "normal",
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels, width=width, layers=layers)
        check_choice("downsample", downsample, Downsampling)
        convolve, blurs = convolution(dims), downsample == "antialiased"
        if blurs and dims != 2:
            raise InputError(f"downsample=antialiased is for images, dims=2, and dims is {dims}")
        self.in_channels = in_channels
        self.layers = layers
        self.dims = dims
        self.smallest = 3 * 2**layers
        channels = [width * min(2**n, 8) for n in range(layers + 1)]

        def layer(n: int) -> nn.Sequential:
            stride = 2 if n < layers and not blurs else 1
            conv = convolve(channels[n - 1] if n else in_channels, channels[n], 4, stride, padding=1, bias=biased(n))
            blur = BlurredHalving() if n < layers and blurs else None
            norms = norm_layer(norm, channels[n]) if n else None
            return chain(conv=conv, norm=norms, activation=nn.LeakyReLU(0.2), blur=blur)

        def biased(n: int) -> bool:
            return n == 0 or norm != "batch"

        self.body = nn.Sequential(*map(layer, range(layers + 1)))
        self.last = convolve(channels[-1], 1, 4, 1, padding=1)
        init_weights(self, init=init)
        if spectral_norm:
            add_spectral_norm(self)

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images(f"PatchGAN(layers={self.layers})", x, self.in_channels, self.dims, self.smallest)
        # body: [B, C, H/2^layers - 1, W/2^layers - 1], last: [B, 1, H/2^layers - 2, W/2^layers - 2]
        return logits_of(self.body, self.last, x, features)
