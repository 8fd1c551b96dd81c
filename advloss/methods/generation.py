"""Images from noise (Goodfellow et al. 2014, arXiv:1406.2661), of a class where it is given."""

from collections.abc import Collection, Mapping
from inspect import signature
from typing import Any

from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.fields import Distribution, Fields, Image, Label, Noise
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Generate
from advloss.networks.layers.growing import Growing
from advloss.networks.layers.parameters import Positive


def check_classes(classes: int | None) -> None:
    """Raises InputError for labels of one class."""
    if classes == 1:
        raise InputError("data.label: all pictures are of one class; give two classes or more, or leave labels out")


class Generation(Method):
    """G: noise -> image, or G: (noise, class) -> image.

    generator: makes the network from vectors [B, latent] to images [B, C, crop, crop]. latent: length of the noise.
    noise: its distribution: `normal`, or `uniform` in [-1, 1]. conditional: whether images are made of a class: the
    data then has labels, and the generator takes (noise, labels). Fakes are of the classes of the batch's real images,
    so a term that names `label: label` compares images of one class.
    """

    follows = {"image": "images", "label": "images"}
    tensors = {
        "image": "real images, as fine as a growing generator makes them [B, C, H, W]",
        "label": "the class of each image, and of the fake at its place, if conditional [B]",
        "fake": "images made from noise [B, C, H, W]",
    }
    uses = {"generate": Generate(Direction("generator", "noise", "image"))}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Real images, their labels if it is conditional, and noise as long as `latent` says."""
        noise = Noise(size=parameters.get("latent", 100), distribution=parameters.get("noise", "normal"))
        label = {"label": Label("images")} if parameters.get("conditional") else {}
        return {"image": Image("images"), **label, "noise": noise}

    def __init__(
        self,
        generator: NetworkFactory,
        latent: Positive = 100,
        noise: Distribution = "normal",
        conditional: bool = False,
    ) -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="image")
        self.conditional = conditional
        if conditional:
            check_classes(generator.classes)
            self.uses = {"generate": Generate(Direction("generator", "noise", "image"), label="label")}
            if "label" not in signature(self.generator.forward).parameters:
                raise InputError("networks.generator: takes no labels; use dcgan, residual or mlp")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        image = batch["image"]  # [B, C, H, W]
        made = {"image": self.generator.at_level(image) if isinstance(self.generator, Growing) else image}
        if "label" in wanted:
            if not self.conditional:
                raise InputError("generation has labels if it is conditional: say method.conditional=true")
            made["label"] = batch["label"]  # [B]
        if "fake" in wanted:
            label = (batch["label"],) if self.conditional else ()
            made["fake"] = self.generator(batch["noise"], *label)  # [B, latent] -> [B, C, H, W]
        return made
