"""Domain adaptation: a classifier learned in one domain serves in another (Ganin et al. 2016, arXiv:1505.07818)."""

from collections.abc import Collection, Mapping
from typing import Annotated

from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.data.fields import Image, Label
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Classify


class DomainAdaptation(Method):
    """Images of a labelled domain a and of an unlabelled domain b to features, and the features of a to classes.

    The classifier learns by a term of `logits` and `label`. A term between `features_a` and `features_b` makes the
    domains' features alike, so that the classifier serves in b too.

    features: makes the network from images to vectors, the same for both domains. classifier: makes the network from
    vectors to logits of classes. specific: how many of the features, the last ones, are specific to the domain: the
    classifier does not see them, and they are no part of `features_a` and `features_b`.
    """

    fields = {"a": Image("a"), "label": Label("a"), "b": Image("b"), "label_b": Label("b", optional=True)}
    follows = {
        "a": "a",
        "label": "a",
        "features_a": "a",
        "specific_a": "a",
        "logits": "a",
        "b": "b",
        "label_b": "b",
        "features_b": "b",
        "specific_b": "b",
        "logits_b": "b",
    }
    tensors = {
        "a": "images of the labelled domain [B, C, H, W]",
        "label": "their classes [B]",
        "features_a": "their shared features [B, F]",
        "specific_a": "their domain-specific features [B, specific]",
        "logits": "the classifier's logits for them [B, K]",
        "b": "images of the other domain [B, C, H, W]",
        "label_b": "their classes, if the data have them: to measure, not to learn from [B]",
        "features_b": "their shared features [B, F]",
        "specific_b": "their domain-specific features [B, specific]",
        "logits_b": "the classifier's logits for them [B, K]",
    }
    uses = {"classify": Classify("b", "label")}

    def __init__(
        self, features: NetworkFactory, classifier: NetworkFactory, specific: Annotated[int, at_least(0)] = 0
    ) -> None:
        super().__init__()
        self.features = features(takes="a")
        size = int(self.features.out_features)  # type: ignore[arg-type]
        if size <= specific:
            raise InputError(
                f"method.specific: {specific} of the {size} features are specific to the domain, and none are left "
                "for the classifier"
            )
        self.shared = size - specific
        self.specific = specific
        self.classifier = classifier(in_features=self.shared)

    def classify(self, image: Tensor) -> Tensor:
        """[B, C, H, W] in [-1, 1], of the training's size -> logits [B, K]."""
        logits: Tensor = self.classifier(self.features(image)[:, : self.shared])
        return logits

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        made = {name: batch[name] for name in ("a", "label", "b", "label_b") if name in batch}
        for domain, logits in (("a", "logits"), ("b", "logits_b")):
            shared, specific = f"features_{domain}", f"specific_{domain}"
            if not {shared, specific, logits} & {*wanted}:
                continue
            features = self.features(batch[domain])  # [B, F + specific]
            made[shared] = features[:, : self.shared]
            if specific in wanted:
                made[specific] = self._specific(features)
            if logits in wanted:
                made[logits] = self.classifier(made[shared])
        return made

    def _specific(self, features: Tensor) -> Tensor:
        if not self.specific:
            raise InputError(
                "there are no domain-specific features; say how many there are, such as method.specific=32"
            )
        return features[:, self.shared :]
