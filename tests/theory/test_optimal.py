"""The best discriminator: Goodfellow et al. 2014, arXiv:1406.2661."""

import numpy as np
import pytest

from advloss.theory.densities import STEP
from advloss.theory.optimal import FAKE, REAL, OptimalDiscriminator, optimal_discriminator


@pytest.fixture(scope="module")
def trained() -> OptimalDiscriminator:
    return optimal_discriminator(steps=1000)


def test_the_trained_discriminator_is_p_over_p_plus_q(trained: OptimalDiscriminator) -> None:
    """Proposition 1: for a fixed generator the best discriminator is D*(x) = p(x) / (p(x) + q(x))."""
    assert trained.error <= 0.02
    assert np.ptp(trained.theory) > 0.9  # it is no constant that could be met by chance
    assert trained.real.sum() * STEP > 0.98  # almost all mass was looked at
    assert trained.fake.sum() * STEP > 0.98


def test_the_value_of_the_game_is_2_js_minus_2_log_2(trained: OptimalDiscriminator) -> None:
    """Theorem 1's proof: at D* the value, minus the discriminator's loss, is -log 4 + 2 JS(p, q)."""
    assert trained.value == pytest.approx(trained.value_in_theory, rel=0.01)
    assert trained.value_in_theory > -2 * np.log(2) * 0.9  # JS is large enough to tell


def test_where_fake_is_real_the_value_is_minus_log_4() -> None:
    """Theorem 1: the value's minimum, -log 4, is reached if and only if p = q; then D* = 1/2."""
    same = optimal_discriminator(real=FAKE, fake=FAKE, steps=300)
    assert same.js == pytest.approx(0, abs=1e-12)
    assert same.value == pytest.approx(-np.log(4), rel=0.01)
    assert same.error <= 0.02


def test_an_untrained_discriminator_is_not() -> None:
    """Proposition 1 is about the best discriminator: before training neither statement holds."""
    untrained = optimal_discriminator(real=REAL, fake=FAKE, steps=0)
    assert untrained.error > 0.2
    assert untrained.value < untrained.value_in_theory * 1.1
