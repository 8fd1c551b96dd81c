"""R3GAN's discriminator: an image to one logit."""

from itertools import pairwise

from torch import Tensor, nn

from advloss.networks.discriminators.base import DiscriminatorOutput, check_images, logits_of
from advloss.networks.layers.basic import chain
from advloss.networks.layers.growing import FIRST, Widths, check_side
from advloss.networks.layers.parameters import Positive
from advloss.networks.layers.r3gan import check_stages, he_normal, stage, to_width
from advloss.networks.layers.resampling import Blur


class R3GANDiscriminator(nn.Module):
    """The generator's mirror image: Huang et al. 2024, arXiv:2501.05441, section 4, config E. No norms.

    Images [B, in, size, size] -> one logit each [B, 1], without a sigmoid; size is 4 * 2**(stages - 1). A convolution
    1 x 1, a stage of blocks at each size with a filter that halves the map after it, then one kernel of 4 x 4 for each
    channel and a dense layer. With features=True: (logits, the maps after each stage).
    `tools/against_networks.py` compares it with the authors' code.

    widths: channels of each stage, that of 4 x 4 pixels first, as the generator's. blocks: of each stage.
    expansion, group: see `Bottleneck`.
    Raises InputError for a parameter out of range, and for images of another size or other channels.
    """

    def __init__(
        self,
        in_channels: Positive = 3,
        widths: Widths = (768, 768, 768, 768),
        blocks: Positive = 2,
        expansion: Positive = 2,
        group: Positive = 16,
    ) -> None:
        super().__init__()
        self.size = check_stages(widths, in_channels=in_channels, blocks=blocks, expansion=expansion, group=group)
        self.in_channels = in_channels
        widths = [*reversed(widths)]
        stages = [stage(width, blocks, expansion, group, len(widths)) for width in widths]
        downs = [
            chain(halve=Blur(padding=1, stride=2), width=to_width(before, after)) for before, after in pairwise(widths)
        ]
        first = he_normal(nn.Conv2d(in_channels, widths[0], 1, bias=False))
        self.body = nn.Sequential(
            nn.Sequential(first, *stages[0]),
            *(nn.Sequential(down, *inner) for down, inner in zip(downs, stages[1:], strict=True)),
        )
        last = widths[-1]
        self.last = chain(
            basis=he_normal(nn.Conv2d(last, last, FIRST, groups=last, bias=False)),
            vector=nn.Flatten(),
            dense=he_normal(nn.Linear(last, 1, bias=False)),
        )

    def forward(self, x: Tensor, features: bool = False) -> DiscriminatorOutput:
        check_images("R3GANDiscriminator", x, self.in_channels, smallest=self.size)
        for side in x.shape[2:]:
            check_side("R3GANDiscriminator", self.size, side)
        return logits_of(self.body, self.last, x, features)  # [B, widths[0], 4, 4] -> [B, 1]
