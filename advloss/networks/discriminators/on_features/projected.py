"""The discriminator of Projected GAN: several small heads on mixed maps of a frozen network."""

from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn

from advloss.core.limits import Limits, check_limits
from advloss.networks.discriminators.base import check_images, outputs
from advloss.networks.discriminators.on_features.mixing import Mixing
from advloss.networks.discriminators.on_features.pictures import as_pictures, joined, pictures_in, resized
from advloss.networks.layers.basic import chain, norm_layer
from advloss.networks.layers.parameters import Norm, Positive
from advloss.networks.layers.spectral_norm import add_spectral_norm
from advloss.pretrained.backbones import STRIDES, Pyramid


class ProjectedDiscriminator(nn.Module):
    """Heads on what a frozen network sees at four scales: Sauer et al. 2021, arXiv:2111.01007, sec. 3 and 4.

    Images [B, in, H, W] in [-1, 1] -> a list of logits, one [B, 1, H', W'] a scale, largest maps first, without a
    sigmoid. With features=True: (that list, the outputs of the heads' layers), see `discriminators`.

    Each side of an image is brought to the nearest multiple of 32 pixels, at least `size`. Then come the backbone,
    which is frozen and in no state dict (`Pyramid`), its random fixed projections (`Mixing`), and for each scale a
    head: convolutions 4x4 of stride 2, 4 of them for the largest maps and 1 for the smallest, and one 4x4 to logits,
    all with spectral norm. The authors' DiffAugment is the loss's `augment`, and their objective hinge. Their code also
    passes zeros through the backbone in train mode once, by which its statistics of batch norm move a tenth of the way
    to those of zeros; here they stay as they were published.

    in_channels: where it is not 3, see `pictures_in`. backbone: `vgg16`, or NAME or NAME@FILE of timm. width: channels
    of the largest projected map; heads have up to 8 times as many. scales: how many heads, from the largest maps on.
    size: 224 in the authors' code, which leaves larger images as they are. norm: in the heads; with `batch`, the
    authors', images of a batch influence each other. pretrained: False leaves the backbone random, for tests and dry
    runs.
    Raises InputError for a parameter out of range, for images of other channels, and for a backbone or its weights that
    can't be had.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        backbone: str = "tf_efficientnet_lite0",
        width: Positive = 64,
        scales: Annotated[int, Limits(ge=1, le=4)] = 4,
        size: Annotated[int, Limits(ge=128)] = 224,
        norm: Norm = "batch",
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        check_limits(self, in_channels=in_channels, width=width, scales=scales, size=size)
        self.in_channels, self.size = in_channels, -(-size // STRIDES[-1]) * STRIDES[-1]
        self.pictures = pictures_in("projected", in_channels)
        self.backbone = Pyramid(backbone, pretrained)
        self.mixing = Mixing([self.pictures * channels for channels in self.backbone.channels], width)
        heads = [Head(self.mixing.out_channels[i], width, len(STRIDES) - i, norm) for i in range(scales)]
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Tensor, features: bool = False) -> list[Tensor] | tuple[list[Tensor], list[Tensor]]:
        check_images("ProjectedDiscriminator", x, self.in_channels)
        seen = self.backbone(as_pictures(resized(x, self.size, STRIDES[-1]), self.pictures))
        mixed = self.mixing([joined(each, self.pictures) for each in seen])
        logits, maps = [], []
        for head, each in zip(self.heads, mixed, strict=False):
            of_scale, made = head(each)
            logits.append(of_scale)
            maps += made
        return (logits, maps) if features else logits


class Head(nn.Module):
    """Halvings and logits: [B, channels, H, W] -> ([B, 1, H / 2^halvings - 3, ...], the outputs of the halvings).

    The last halving gives 8 times `width` channels, each one before it half of that.
    """

    def __init__(self, channels: int, width: int, halvings: int, norm: Norm) -> None:
        super().__init__()
        wide = [channels, *(8 * width >> left for left in reversed(range(halvings)))]
        self.body = nn.Sequential(
            *(
                chain(conv=nn.Conv2d(c, out, 4, 2, 1), norm=norm_layer(norm, out), activation=nn.LeakyReLU(0.2))
                for c, out in pairwise(wide)
            )
        )
        self.last = nn.Conv2d(wide[-1], 1, 4, bias=False)
        add_spectral_norm(self)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        return outputs(self.body, self.last, x)
