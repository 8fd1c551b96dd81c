"""R3GAN's generator: a vector to an image."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from advloss.networks.layers.basic import chain
from advloss.networks.layers.growing import FIRST, Widths, check_side
from advloss.networks.layers.minibatch import check_vectors
from advloss.networks.layers.parameters import Positive
from advloss.networks.layers.r3gan import check_stages, he_normal, stage, to_width
from advloss.networks.layers.resampling import BlurredDoubling


class R3GANGenerator(nn.Module):
    """Bottleneck blocks without norms, doubled by a filter: Huang et al. 2024, arXiv:2501.05441, section 4, config E.

    Vectors [B, in_features] -> images [B, out, size, size], about in [-1, 1]; nothing bounds them. The first map is a
    learned one of 4 x 4 pixels, each channel times a number that depends on the vector. Then come a stage of blocks at
    each size, and a convolution 1 x 1. `tools/against_networks.py` compares it with the authors' code.

    size: of the image, in pixels: 4 * 2**(stages - 1). widths: channels of each stage, that of 4 x 4 pixels first.
    blocks: of each stage. expansion, group: see `Bottleneck`.
    Raises InputError for a parameter out of range, and for vectors of another length.
    """

    def __init__(
        self,
        in_features: Positive = 64,
        out_channels: Positive = 3,
        size: Positive = 32,
        widths: Widths = (768, 768, 768, 768),
        blocks: Positive = 2,
        expansion: Positive = 2,
        group: Positive = 16,
    ) -> None:
        super().__init__()
        checked = {"blocks": blocks, "expansion": expansion, "group": group}
        made = check_stages(widths, in_features=in_features, out_channels=out_channels, **checked)
        check_side("r3gan", made, size)
        self.in_features = in_features
        self.basis = nn.Parameter(torch.randn(widths[0], FIRST, FIRST))
        self.first = he_normal(nn.Linear(in_features, widths[0], bias=False))
        stages = [stage(width, blocks, expansion, group, len(widths)) for width in widths]
        ups = [chain(width=to_width(before, after), enlarge=BlurredDoubling()) for before, after in pairwise(widths)]
        self.body = nn.Sequential(
            nn.Sequential(*stages[0]),
            *(nn.Sequential(up, *inner) for up, inner in zip(ups, stages[1:], strict=True)),
        )
        self.last = he_normal(nn.Conv2d(widths[-1], out_channels, 1, bias=False))

    @property
    def last_layer(self) -> Tensor:
        """The weight of the last convolution, where an adaptive weighting compares gradients."""
        return self.last.weight

    def forward(self, z: Tensor) -> Tensor:
        check_vectors("R3GANGenerator", z, self.in_features)
        x = self.basis * self.first(z)[:, :, None, None]  # [B, widths[0], 4, 4]
        made: Tensor = self.last(self.body(x))  # [B, out, size, size]
        return made
