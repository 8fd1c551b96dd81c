"""(e) Two domains' features made indistinguishable, in a symmetric game: Ganin et al. 2016, arXiv:1505.07818."""

import torch.nn.functional as F
from torch import Tensor, nn

from advloss import Method, NetworkFactory, components, fields, main, uses


class Features(nn.Sequential):
    """Images to feature vectors [B, F]."""

    def __init__(self, in_channels: int = 3, out_channels: int = 8, width: int = 8) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 4, 4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, out_channels),
        )


class CrossEntropy(nn.Module):
    """Of logits [B, K] and classes [B]."""

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(logits, label)


class Adaptation(Method):
    """A classifier that is learned in domain a and should serve in domain b."""

    fields = {"a": fields.Image("a"), "label": fields.Label("a"), "b": fields.Image("b")}
    tensors = {
        "label": "the classes of a [B]",
        "logits": "what the classifier says of a [B, K]",
        "features_a": "of a [B, F]",
        "features_b": "of b [B, F]",
    }
    uses = {"classify": uses.Classify("b", "label")}

    def __init__(self, encoder_of_features: NetworkFactory, features: int = 8, classes: int = 2) -> None:
        super().__init__()
        self.encoder_of_features = encoder_of_features(takes="a", out_channels=features)
        self.classifier = nn.Linear(features, classes)

    def classify(self, image: Tensor) -> Tensor:
        return self.classifier(self.encoder_of_features(image))

    def forward(self, batch, wanted):
        features_a, features_b = (self.encoder_of_features(batch[name]) for name in "ab")
        made = {"label": batch["label"], "features_a": features_a, "features_b": features_b}
        return {**made, "logits": self.classifier(features_a)}


components.NETWORKS["encoder_of_features"] = {"pooled": Features}
components.LOSSES["cross_entropy"] = CrossEntropy
components.METHODS["adaptation"] = Adaptation
if __name__ == "__main__":
    main()
