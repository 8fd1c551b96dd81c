"""Images from noise (Goodfellow et al. 2014, arXiv:1406.2661)."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from advloss.data.fields import Distribution, Fields, Image, Noise
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Generate
from advloss.networks.layers.growing import Growing
from advloss.networks.layers.parameters import Positive


class Generation(Method):
    """G: noise -> image.

    generator: makes the network from vectors [B, latent] to images [B, C, crop, crop]. latent: length of the noise.
    noise: its distribution: `normal`, or `uniform` in [-1, 1].
    """

    follows = {"image": "images"}
    tensors = {
        "image": "real images, as fine as a growing generator makes them [B, C, H, W]",
        "fake": "images made from noise [B, C, H, W]",
    }
    uses = {"generate": Generate(Direction("generator", "noise", "image"))}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Real images, and noise as long as `latent` says."""
        noise = Noise(size=parameters.get("latent", 100), distribution=parameters.get("noise", "normal"))
        return {"image": Image("images"), "noise": noise}

    def __init__(self, generator: NetworkFactory, latent: Positive = 100, noise: Distribution = "normal") -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="image")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        image = batch["image"]  # [B, C, H, W]
        made = {"image": self.generator.at_level(image) if isinstance(self.generator, Growing) else image}
        if "fake" in wanted:
            made["fake"] = self.generator(batch["noise"])  # [B, latent] -> [B, C, H, W]
        return made
