"""The measures of sets as modules, for a recipe's `metrics` and for `advloss evaluate`.

Each has a feature network, collects nothing itself, and measures features: `seen(images)` gives those of a batch,
`forward` compares all of them. What two measures see by one network is computed once (`reads`).
"""

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least, check_limits
from advloss.losses import sets
from advloss.losses.metrics import to_8_bit
from advloss.losses.sets.estimate import Estimate
from advloss.pretrained.features import FeatureNetwork, feature_network

Whole = Annotated[int, at_least(1)]
Most = Annotated[int, at_least(2)]
Network = str | FeatureNetwork
MOST = 10_000


class SetMeasure(nn.Module):
    """What measures of sets have in common.

    features: a network's name, or in Python `feature_network(MODULE)` of your own, uint8 [B, 3, H, W] -> [B, D]; most:
    of a larger set the first `most` items count. least: the fewest images on each side.
    """

    higher_is_better: ClassVar[bool] = True
    output: ClassVar[Literal["features", "logits"]] = "features"
    least: int = 2

    def __init__(self, features: Network = "random", most: Most = MOST) -> None:
        super().__init__()
        check_limits(self, most=most)
        self.most = most
        self.network: FeatureNetwork = feature_network(features)
        if self.output == "logits" and not self.network.has_classes:
            raise InputError(f"features={self.network.name} has no classes, and {type(self).__name__} is of classes")

    @property
    def reads(self) -> tuple[str, str]:
        """What it sees: measures of which this is equal see the same."""
        return self.output, self.network.key

    @torch.no_grad()
    def seen(self, images: Tensor) -> Tensor:
        """Images [B, C, H, W] in [-1, 1] -> float32 [B, D], of their 8-bit levels; see `FeatureNetwork.features`."""
        return getattr(self.network, self.output)(to_8_bit(images).to(torch.uint8))

    def warning(self, count: int, width: int) -> str | None:
        """A sentence for the user if the smaller side's `count` images are too few. width: features of each image."""
        return None

    def extra_repr(self) -> str:
        return f"features={self.network.name}, most={self.most}"


class FID(SetMeasure):
    """Fréchet distance of features; see `sets.fid`."""

    higher_is_better = False

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.fid(x, y)

    def warning(self, count: int, width: int) -> str | None:
        if count >= width:
            return None
        return (
            f"{count} pictures are fewer than the {width} features, so that FID is unreliable and too large: compare "
            "it only with that of the same pictures, or use KID, which is unbiased for few"
        )


class KID(SetMeasure):
    """Squared MMD of features with a polynomial kernel; see `sets.kid`."""

    higher_is_better = False

    def __init__(
        self,
        features: Network = "random",
        most: Most = MOST,
        subsets: Whole = 100,
        subset_size: Most = 1000,
        seed: int = 2020,
    ) -> None:
        super().__init__(features, most)
        check_limits(self, subsets=subsets, subset_size=subset_size)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.kid(x, y, self.subsets, self.subset_size, self.seed)


class _OfNeighbours(SetMeasure):
    """k: the neighbour that a ball reaches to."""

    def __init__(self, features: Network = "random", most: Most = MOST, k: Whole = 3) -> None:
        super().__init__(features, most)
        check_limits(self, k=k)
        self.k = k
        self.least = k + 1


class Precision(_OfNeighbours):
    """The share of results among the real images; see `sets.precision`."""

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.precision(x, y, self.k)


class Recall(_OfNeighbours):
    """The share of real images among the results; see `sets.recall`."""

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.recall(x, y, self.k)


class Density(_OfNeighbours):
    """How densely real images lie around results; see `sets.density`."""

    def __init__(self, features: Network = "random", most: Most = MOST, k: Whole = 5) -> None:
        super().__init__(features, most, k)

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.density(x, y, self.k)


class Coverage(_OfNeighbours):
    """The share of real images with a result near by; see `sets.coverage`."""

    def __init__(self, features: Network = "random", most: Most = MOST, k: Whole = 5) -> None:
        super().__init__(features, most, k)

    def forward(self, x: Tensor, y: Tensor) -> Estimate:
        return sets.coverage(x, y, self.k)


class InceptionScore(SetMeasure):
    """How sure a classifier is of each image, and how varied they are; see `sets.inception_score`."""

    output = "logits"

    def __init__(self, features: Network = "inception", most: Most = MOST, splits: Whole = 10) -> None:
        super().__init__(features, most)
        check_limits(self, splits=splits)
        self.splits = splits
        self.least = max(2, splits)

    def forward(self, x: Tensor) -> Estimate:
        return sets.inception_score(x, self.splits)

    def warning(self, count: int, width: int) -> str | None:
        if count >= 5000:
            return None
        return f"it grows with the number of pictures, and {count} are few: papers take 50000"


SET_METRICS: dict[str, type[SetMeasure]] = {
    "fid": FID,
    "kid": KID,
    "precision": Precision,
    "recall": Recall,
    "density": Density,
    "coverage": Coverage,
    "inception_score": InceptionScore,
}
