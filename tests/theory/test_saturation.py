"""The generator's gradient where D is sure: Goodfellow et al. 2014, arXiv:1406.2661, end of section 3."""

import numpy as np

from advloss.theory.saturation import saturation


def test_non_saturating_has_a_gradient_where_minimax_has_lost_its_own() -> None:
    """End of section 3: d/dl log(1 - sigmoid(l)) = -sigmoid(l), which is gone where l is very negative, and
    d/dl log sigmoid(l) = sigmoid(-l), which is not; their ratio is exp(-l)."""
    found = saturation()
    sigmoid = 1 / (1 + np.exp(-found.logit))
    np.testing.assert_allclose(found.minimax, sigmoid, rtol=1e-12)
    np.testing.assert_allclose(found.non_saturating, 1 / (1 + np.exp(found.logit)), rtol=1e-12)
    np.testing.assert_allclose(found.ratio, np.exp(-found.logit), rtol=1e-12)
    print(f"at logit {found.logit[0]:g} the ratio is {found.ratio[0]:.3g}")
    assert found.minimax[0] < 1e-8
    assert found.non_saturating[0] > 0.99


def test_they_are_alike_where_the_discriminator_is_not_sure() -> None:
    """At D = 1/2, logit 0, both gradients are 1/2: the two halves have the same fixed point (end of section 3)."""
    found = saturation(-1, 1, 3)
    assert found.minimax[1] == found.non_saturating[1] == 0.5
