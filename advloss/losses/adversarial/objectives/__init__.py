"""Adversarial objectives by name: `functions`, `relativistic` and `entropy` have the formulas."""

from advloss.core.errors import InputError, unknown
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

__all__ = [
    "EBGAN",
    "LSGAN",
    "OBJECTIVES",
    "Entropy",
    "Hinge",
    "HybridEntropy",
    "Minimax",
    "NonSaturating",
    "Objective",
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


def get_objective(name: str) -> Objective:
    """The objective of that name with its defaults; an unknown one raises InputError with the nearest right name."""
    if name not in OBJECTIVES:
        raise InputError(unknown("objective", name, OBJECTIVES))
    return OBJECTIVES[name]()
