"""Points from noise: the generator of `generation`, of vectors in the place of images."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from advloss.data.fields import Distribution, Fields, Noise, Vector
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Generate
from advloss.networks.layers.parameters import Positive


class Points(Method):
    """G: noise -> point (Goodfellow et al. 2014, arXiv:1406.2661; on two axes Metz et al. 2017, arXiv:1611.02163).

    generator: makes the network from vectors [B, latent] to vectors [B, F]. latent: length of the noise. noise: its
    distribution: `normal`, or `uniform` in [-1, 1].
    """

    follows = {"point": "points"}
    tensors = {"point": "real points [B, F]", "fake": "points made from noise [B, F]"}
    uses = {"generate": Generate(Direction("generator", "noise", "point"))}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Real points, and noise as long as `latent` says."""
        noise = Noise(size=parameters.get("latent", 2), distribution=parameters.get("noise", "normal"))
        return {"point": Vector("points"), "noise": noise}

    def __init__(self, generator: NetworkFactory, latent: Positive = 2, noise: Distribution = "normal") -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="point")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        made = {"point": batch["point"]}  # [B, F]
        if "fake" in wanted:
            made["fake"] = self.generator(batch["noise"])  # [B, latent] -> [B, F]
        return made
