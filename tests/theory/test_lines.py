"""The two parallel lines: Arjovsky et al. 2017, arXiv:1701.07875, example 1."""

import numpy as np
import pytest

from advloss.theory.lines import LineGradients, line_distances, line_gradients


@pytest.fixture(scope="module")
def gradients() -> LineGradients:
    return line_gradients(steps=800)


def test_kl_is_infinite_js_is_log_2_and_w1_is_theta() -> None:
    """Example 1: for theta != 0, KL = infinity, JS = log 2 and W1 = |theta|; for theta = 0 all are 0."""
    found = line_distances()
    apart = found.theta != 0
    assert apart.sum() == 20
    assert np.isinf(found.kl[apart]).all()
    np.testing.assert_allclose(found.js[apart], np.log(2), rtol=1e-12)
    np.testing.assert_allclose(found.w1, np.abs(found.theta), atol=1e-9)
    assert found.kl[~apart] == pytest.approx(0, abs=1e-12)
    assert found.js[~apart] == pytest.approx(0, abs=1e-12)


def test_the_minimax_generators_gradient_vanishes(gradients: LineGradients) -> None:
    """Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 2.4: as the discriminator converges, it goes to 0."""
    sizes = np.abs(gradients.minimax)
    assert sizes.max() > 0.1  # there was one, before the discriminator converged
    assert sizes[-1] < 1e-6
    assert gradients.logit < -10


def test_the_wasserstein_critics_gradient_has_norm_1(gradients: LineGradients) -> None:
    """Arjovsky et al. 2017, section 3, and Gulrajani et al. 2017, arXiv:1704.00028, corollary 1: norm 1.

    With a penalty of weight w the best slope is 1 + theta / (2 w), the maximum of theta s - w (s - 1)^2: 1.05 here.
    """
    assert gradients.critic_norms.mean() == pytest.approx(1.05, abs=0.04)
    assert np.abs(gradients.critic_norms - 1).max() < 0.1
    later = gradients.wasserstein[gradients.steps >= 400]
    assert ((later > 0.9) & (later < 1.15)).all()  # and descending it makes theta smaller


def test_non_saturating_has_a_gradient_where_minimax_has_lost_its_own(gradients: LineGradients) -> None:
    """Goodfellow et al. 2014, arXiv:1406.2661, end of section 3; for one logit l the ratio is exp(-l)."""
    print(f"ratio of the gradients: {gradients.ratio:.3g}, exp(-mean logit): {np.exp(-gradients.logit):.3g}")
    assert gradients.non_saturating[-1] > 1
    assert gradients.ratio > 1e6
    assert np.log(gradients.ratio) == pytest.approx(-gradients.logit, abs=1)
