"""Compares two sets of pictures as sets: their features, the measures of them, and what to think of the figures."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.metrics import to_8_bit
from advloss.losses.sets import Estimate, Normal, frechet_distance
from advloss.losses.sets.measures import SET_METRICS, InceptionScore, SetMeasure
from advloss.pretrained.features import FeatureNetwork, feature_network

SETTINGS = ("subsets", "subset_size", "seed", "k", "splits")
RESAMPLES, LEVEL = 1000, 0.95
INTERVAL = (
    f"error: standard error of the choice of the pictures; low, high: {LEVEL:.0%} interval of {RESAMPLES} bootstrap "
    "resamples (seed 0) of both sets, of the measure's first order (influence function); not its bias for few pictures"
)
WORDS = {
    "fid": "Heusel et al. 2017: |m - n|^2 + trace(C + D - 2 (C D)^1/2), of means and covariances (N - 1) of features",
    "kid": "Binkowski et al. 2018: unbiased squared MMD with the kernel (a . b / D + 1)^3",
    "precision": "Kynkaanniemi et al. 2019: share of results within a ball of a real picture",
    "recall": "Kynkaanniemi et al. 2019: share of real pictures within a ball of a result",
    "density": "Naeem et al. 2020: mean number of real pictures' balls that hold a result, over k",
    "coverage": "Naeem et al. 2020: share of real pictures whose ball holds a result",
    "inception_score": "Salimans et al. 2016: exp of the mean divergence of a result's classes from those of all",
}
"""The definitions of the figures."""


@dataclass
class Reference:
    """The real side, where it comes from a file: features [N, D], or only mean and covariance."""

    about: dict[str, Any]
    features: Tensor | None = None
    normal: Normal | None = None


@dataclass
class SetFigures:
    """values: of each measure; intervals: its error, low and high; protocol: what was measured, and why not; warnings:
    sentences for the user."""

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, dict[str, float]] = field(default_factory=dict)
    protocol: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Sets:
    """Collects what a feature network sees of results and of real pictures.

    features: a network's name, or a module of your own: uint8 [B, 3, H, W] -> [B, D]. names: of the measures; None: all
    that can be measured with this network. Raises InputError as `feature_network` does.
    """

    def __init__(self, features: str | nn.Module, device: torch.device, names: tuple[str, ...] | None = None) -> None:
        self.network: FeatureNetwork = feature_network(features)
        self.device = device
        if names is None:
            names = tuple(name for name in SET_METRICS if name != "inception_score" or features == "inception")
        self.measures: dict[str, SetMeasure] = {name: SET_METRICS[name](self.network) for name in names}
        self.reference: Reference | None = None
        self._results: list[Tensor] = []
        self._real: list[Tensor] = []
        self._logits: list[Tensor] = []

    @property
    def counts(self) -> tuple[int, int | None]:
        """Pictures on both sides; None where a file does not tell."""
        if self.reference is None:
            return len(self._results), len(self._real)
        features = self.reference.features
        return len(self._results), None if features is None else len(features)

    @property
    def real(self) -> Tensor:
        """The real pictures' features: [M, D]."""
        return torch.cat(self._real)

    def add(self, result: Tensor, real: Tensor) -> None:
        """Adds a picture to each side, float [1, 3, H, W] in [-1, 1] of any size; both or none, if memory runs out."""
        seen = self._seen(real)
        self.add_result(result)
        self._real.append(seen)

    def add_result(self, picture: Tensor) -> None:
        """Adds a result alone."""
        seen = self._seen(picture)
        if "inception_score" in self.measures:
            self._logits.append(self.network.logits(self._bytes(picture)).cpu())
        self._results.append(seen)

    def add_real(self, picture: Tensor) -> None:
        """Adds a real picture alone."""
        self._real.append(self._seen(picture))

    def figures(self) -> SetFigures:
        """All measures of one picture or more a side. One that needs more of them, or more than mean and covariance, is
        left out with a reason."""
        found = SetFigures(protocol={"features": self.network.protocol, "interval": INTERVAL})
        for name, measure in self.measures.items():
            settings = [f"{key} {getattr(measure, key)}" for key in SETTINGS if hasattr(measure, key)]
            words = "; ".join([WORDS[name], *settings])
            try:
                estimate = self._measured(name, measure)
            except InputError as error:
                found.protocol[name] = f"not measured: {error}"
                found.warnings.append(f"{name} is not measured: {error}")
                continue
            found.values[name] = estimate.value
            if estimate.parts:
                low, high = estimate.interval(RESAMPLES, LEVEL)
                found.intervals[name] = {"error": estimate.error, "low": low, "high": high}
            if warning := measure.warning(*self._least()):
                found.warnings.append(f"{name}: {warning}")
                words = f"{words}; {warning}"
            found.protocol[name] = words
        return found

    def _measured(self, name: str, measure: SetMeasure) -> Estimate:
        if isinstance(measure, InceptionScore):
            return measure.forward(torch.cat(self._logits))
        results = torch.cat(self._results)
        if self.reference is None:
            return measure.forward(results, self.real)
        if self.reference.features is not None:
            return measure.forward(results, self.reference.features)
        assert self.reference.normal is not None
        if name != "fid":
            raise InputError("the reference file holds a mean and a covariance, and it needs each picture's features")
        return Estimate(frechet_distance(Normal.of(results), self.reference.normal))

    def _least(self) -> tuple[int, int]:
        """The pictures of the smaller side, where both are known, and the features of each."""
        return min(count for count in self.counts if count is not None), self._results[0].shape[1]

    @torch.no_grad()
    def _seen(self, picture: Tensor) -> Tensor:
        return self.network.features(self._bytes(picture)).cpu()

    def _bytes(self, picture: Tensor) -> Tensor:
        return to_8_bit(picture).to(self.device, torch.uint8)
