"""Regularisers of the discriminator by name.

`Penalty`s are modules of (critic, fake, real): `critic` maps a batch to logits, of any shape or a list of them (one a
scale), and `fake` and `real` [B, ...] are its inputs, condition included. `LogitPenalty`s are modules of (fake
logits, real logits). Either is a scalar in float32 at least, to be added to the discriminator's loss.
"""

from advloss.losses.adversarial.penalties.base import LogitPenalty, Penalty
from advloss.losses.adversarial.penalties.clipping import clip_weights
from advloss.losses.adversarial.penalties.consistency import Consistency
from advloss.losses.adversarial.penalties.drift import Drift
from advloss.losses.adversarial.penalties.gradient import (
    DRAGAN,
    R1,
    R2,
    GradientPenalty,
    LipschitzPenalty,
    gradient_norms,
)
from advloss.losses.adversarial.penalties.historical import HistoricalAveraging
from advloss.losses.adversarial.penalties.lecam import LeCam

__all__ = [
    "DRAGAN",
    "PENALTIES",
    "R1",
    "R2",
    "Consistency",
    "Drift",
    "GradientPenalty",
    "HistoricalAveraging",
    "LeCam",
    "LipschitzPenalty",
    "LogitPenalty",
    "Penalty",
    "clip_weights",
    "gradient_norms",
]

PENALTIES: dict[str, type[Penalty] | type[LogitPenalty]] = {
    "wgan_gp": GradientPenalty,
    "wgan_lp": LipschitzPenalty,
    "r1": R1,
    "r2": R2,
    "dragan": DRAGAN,
    "lecam": LeCam,
    "drift": Drift,
    "consistency": Consistency,
    "historical_averaging": HistoricalAveraging,
}
