"""A Wasserstein critic whose slope nothing holds is warned of, in Python as in recipes."""

import warnings
from collections.abc import Callable

import pytest
from torch import nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES, Wasserstein
from advloss.losses.adversarial.penalties import DRAGAN, R1, R2, Consistency, GradientPenalty, LeCam, LipschitzPenalty
from advloss.networks.discriminators.patchgan import PatchGAN
from tests.losses.discriminators import patches

OTHERS = sorted(OBJECTIVES.keys() - {"wasserstein", "ebgan"})
WARNED: dict[str, Callable[[], AdversarialLoss]] = {
    "nothing": lambda: AdversarialLoss(patches(), "wasserstein"),
    "an instance": lambda: AdversarialLoss(patches(), Wasserstein()),
    "penalties of logits": lambda: AdversarialLoss(patches(), "wasserstein", [LeCam(), Consistency()]),
    "symmetric": lambda: AdversarialLoss(patches(), "wasserstein", symmetric=True),
}
HELD: dict[str, Callable[[], AdversarialLoss]] = {
    **{
        penalty.__name__: lambda penalty=penalty: AdversarialLoss(patches(), "wasserstein", [penalty()])
        for penalty in (GradientPenalty, LipschitzPenalty, DRAGAN, R1, R2)
    },
    "clipping": lambda: AdversarialLoss(patches(), "wasserstein", clip_weights=0.01),
    "our spectral norm": lambda: AdversarialLoss(PatchGAN(width=2, norm="none", spectral_norm=True), "wasserstein"),
    "torch's": lambda: AdversarialLoss(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 1)), "wasserstein"),
    "torch's older": lambda: AdversarialLoss(nn.utils.spectral_norm(nn.Linear(3, 1)), "wasserstein"),
    **{name: lambda name=name: AdversarialLoss(patches(), name) for name in OTHERS},
}


@pytest.mark.parametrize("name", WARNED)
def test_it_is_warned_of(name: str) -> None:
    with pytest.warns(UserWarning, match="nothing here holds the slope of the wasserstein critic"):
        WARNED[name]()


@pytest.mark.parametrize("name", HELD)
def test_no_word_where_it_is_held_or_needs_no_bound(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HELD[name]()
