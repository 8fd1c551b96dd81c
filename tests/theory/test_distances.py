"""The distances themselves, on numbers that are worked out by hand."""

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.theory.densities import GRID, STEP, Mixture
from advloss.theory.distances import js, kl, transport, w1_on_a_line


def test_kl_and_js_by_hand() -> None:
    """Definitions: KL((1/2, 1/2) || (1/4, 3/4)) = log(2) / 2 + log(2/3) / 2; disjoint measures have JS = log 2."""
    assert kl([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert kl([0.5, 0.5], [1, 0]) == float("inf")
    assert kl([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert js([1, 0], [0, 1]) == pytest.approx(np.log(2))
    assert js([1, 0], [0.5, 0.5]) == pytest.approx((np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2)) / 2)


def test_kl_of_gaussians_on_the_grid() -> None:
    """Closed form: KL(N(a, s^2) || N(b, s^2)) = (a - b)^2 / (2 s^2)."""
    p, q = Mixture((0.0,), (0.8,)), Mixture((0.5,), (0.8,))
    assert kl(p.masses(), q.masses()) == pytest.approx(0.5**2 / (2 * 0.8**2), rel=1e-6)


def test_both_ways_to_w1_agree() -> None:
    """Vallender 1974: on the line the cheapest transport costs the integral of |P - Q|."""
    p, q = np.random.default_rng(0).dirichlet(np.ones(9), 2)
    places = np.arange(9.0) * 0.3
    cost, plan = transport(p, q, np.abs(places[:, None] - places))
    assert cost == pytest.approx(w1_on_a_line(p, q, 0.3), rel=1e-9)
    assert cost > 0.01
    np.testing.assert_allclose(plan.sum(1), p, atol=1e-12)
    np.testing.assert_allclose(plan.sum(0), q, atol=1e-12)


def test_samples_have_their_density() -> None:
    """The inverse of the cumulative function makes uniform numbers a sample of the density."""
    mixture = Mixture((-1.5, 1.0), (0.6, 0.5), (0.3, 0.7))
    samples = mixture.sampler()(50_000).double().numpy()
    histogram, _ = np.histogram(samples, np.append(GRID, GRID[-1] + STEP) - STEP / 2)
    assert w1_on_a_line(histogram / len(samples), mixture.masses(), STEP) < 0.003
    assert samples.mean() == pytest.approx(-1.5 * 0.3 + 0.7, abs=1e-3)


def test_what_is_no_measure_is_refused() -> None:
    """Weights sum to 1, and a plan exists only between equal sums."""
    with pytest.raises(InputError, match="sum to 1; the sum of these is 2"):
        kl([1, 1], [0.5, 0.5])
    with pytest.raises(InputError, match="no plan"):
        transport([1, 1], [1, 2], np.ones((2, 2)))
