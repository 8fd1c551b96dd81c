"""A classifier that learns from few labels, and a generator beside it (Salimans et al. 2016, arXiv:1606.03498)."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from advloss.data.fields import Distribution, Fields, Image, Label, Noise
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.generation import check_classes
from advloss.methods.uses import Classify, Direction, Generate
from advloss.networks.layers.parameters import Positive


class SemiSupervised(Method):
    """C: image -> classes, which is the discriminator too, and G: noise -> image.

    Two sources: labelled pictures (`data.labelled`, a folder for each class) and unlabelled ones (`data.unlabelled`).
    generator: makes the network from vectors [B, latent] to images. classifier: makes the network from images to logits
    [B, K], K the classes of the labelled pictures; a loss with a parameter `classifier`, such as `k_plus_one`, trains
    it. latent: length of the noise. noise: its distribution: `normal`, or `uniform` in [-1, 1].
    """

    follows = {"image": "labelled", "label": "labelled", "unlabelled": "unlabelled"}
    tensors = {
        "image": "labelled images [B, C, H, W]",
        "label": "their classes [B]",
        "unlabelled": "images without a label [B, C, H, W]",
        "fake": "images made from noise [B, C, H, W]",
    }
    uses = {
        "classify": Classify("image", "label"),
        "generate": Generate(Direction("generator", "noise", "image")),
    }

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Labelled images with their labels, unlabelled images, and noise as long as `latent` says."""
        noise = Noise(size=parameters.get("latent", 100), distribution=parameters.get("noise", "normal"))
        labelled = {"image": Image("labelled"), "label": Label("labelled")}
        return {**labelled, "unlabelled": Image("unlabelled"), "noise": noise}

    def __init__(
        self,
        generator: NetworkFactory,
        classifier: NetworkFactory,
        latent: Positive = 100,
        noise: Distribution = "normal",
    ) -> None:
        super().__init__()
        check_classes(generator.classes)
        self.generator = generator(takes="noise", gives="image", classes=None)  # the fakes are of no class
        self.classifier = classifier(takes="image", gives="label", classes=None)

    @property
    def last_layer(self) -> Tensor | None:
        """The weight of the generator's last layer."""
        return getattr(self.generator, "last_layer", None)

    def classify(self, image: Tensor) -> Tensor:
        """Logits of the K classes: [B, C, H, W] -> [B, K]."""
        logits: Tensor = self.classifier(image)
        return logits

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        made = {name: batch[name] for name in ("image", "label", "unlabelled")}
        if "fake" in wanted:
            made["fake"] = self.generator(batch["noise"])  # [B, latent] -> [B, C, H, W]
        return made
