"""Adversarial objectives by name: `functions`, `relativistic` and `entropy` have the formulas."""

from collections.abc import Mapping
from typing import Annotated, Any

from advloss.core.errors import InputError, unknown
from advloss.core.parts import Part
from advloss.losses.adversarial.objectives.classes import (
    EBGAN,
    LSGAN,
    Hinge,
    Minimax,
    NonSaturating,
    Objective,
    RaGAN,
    RpGAN,
    Wasserstein,
)
from advloss.losses.adversarial.objectives.entropy import Entropy, HybridEntropy
from advloss.losses.adversarial.objectives.halves import Halves, written

__all__ = [
    "EBGAN",
    "LSGAN",
    "OBJECTIVES",
    "Entropy",
    "Halves",
    "Hinge",
    "HybridEntropy",
    "Minimax",
    "NonSaturating",
    "Objective",
    "ObjectiveOption",
    "RaGAN",
    "RpGAN",
    "Wasserstein",
    "get_objective",
]

OBJECTIVES: dict[str, type[Objective]] = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "lsgan": LSGAN,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "ebgan": EBGAN,
    "rpgan": RpGAN,
    "ragan": RaGAN,
    "entropy": Entropy,
    "hybrid_entropy": HybridEntropy,
}
ObjectiveOption = Annotated[str | Objective | Mapping[str, Any], Part("objective", written)]
"""A loss's parameter: a name, an instance, or both sides' halves, {"generator": ..., "discriminator": ...}."""


def get_objective(name: str) -> Objective:
    """The objective of that name with its defaults; an unknown one raises InputError with the nearest right name."""
    if name not in OBJECTIVES:
        raise InputError(unknown("objective", name, OBJECTIVES))
    return OBJECTIVES[name]()
