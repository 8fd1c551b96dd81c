"""A classifier of images, without an adversary: it judges what generators make."""

from collections.abc import Collection, Mapping

from torch import Tensor

from advloss.data.fields import Image, Label
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.generation import check_classes
from advloss.methods.uses import Classify


class Classification(Method):
    """C: image -> logits of classes.

    classifier: makes the network from images [B, C, crop, crop] to logits [B, K], K the classes of the labels.
    """

    fields = {"image": Image("images"), "label": Label("images")}
    follows = {"image": "images", "label": "images", "logits": "images"}
    tensors = {
        "image": "images [B, C, H, W]",
        "label": "their classes [B]",
        "logits": "the classifier's logits for them [B, K]",
    }
    uses = {"classify": Classify("image", "label")}

    def __init__(self, classifier: NetworkFactory) -> None:
        super().__init__()
        check_classes(classifier.classes)
        self.classifier = classifier(takes="image", gives="label", classes=None)

    def classify(self, image: Tensor) -> Tensor:
        """Logits of the K classes: [B, C, H, W] -> [B, K]."""
        logits: Tensor = self.classifier(image)
        return logits

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        made = {"image": batch["image"], "label": batch["label"]}
        if "logits" in wanted:
            made["logits"] = self.classifier(batch["image"])  # [B, K]
        return made
