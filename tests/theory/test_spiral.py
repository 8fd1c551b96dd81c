"""The game xy: Mescheder et al. 2018, arXiv:1801.04406, section 2."""

import numpy as np
import pytest

from advloss.losses.adversarial.penalties import PENALTIES
from advloss.theory.spiral import START, Averaging, circle, optimizer_spirals, spiral


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.5])
def test_simultaneous_descent_spirals_out(lr: float) -> None:
    """Section 2 (simultaneous gradient descent): the step's matrix (1, lr; -lr, 1) has eigenvalues 1 +- i lr, so that
    the radius grows by sqrt(1 + lr^2), whatever the learning rate."""
    np.testing.assert_allclose(spiral("simultaneous", lr, 100).growth, np.sqrt(1 + lr**2), rtol=1e-12)


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.5])
def test_alternating_descent_stays_bounded(lr: float) -> None:
    """Section 2 (alternating gradient descent): for lr <= 2 all eigenvalues are on the unit circle; so x^2 + y^2 -
    lr x y stays as it is, and the radius on an ellipse: it does not arrive either."""
    path = spiral("alternating", lr, 1000)
    low, high = path.bounds
    np.testing.assert_allclose(path.energy, path.energy[0], rtol=1e-10)
    assert path.radius.min() > low * (1 - 1e-9)
    assert path.radius.max() < high * (1 + 1e-9)
    assert path.x.min() < -0.9  # it did go around


def test_r1_makes_it_arrive() -> None:
    """Section 4, R1 on the Dirac-GAN: with it the equilibrium is reached, also by simultaneous descent."""
    path = spiral("simultaneous", 0.1, 400, [PENALTIES["r1"](weight=1.0)])
    assert path.radius[-1] < 1e-6
    assert spiral("simultaneous", 0.1, 400).radius[-1] > 5


def test_only_rmsprop_spirals_in_at_a_middle_rate() -> None:
    """Radius 2.236 at the start. The circle is 0.85 for RMSProp and 11.8 for Adam."""
    found = optimizer_spirals((0.03,), distance=24)
    ends = {name: paths[0.03].radius[-1] for name, paths in found.items()}
    assert ends["rmsprop"] < 0.8 * np.hypot(*START) < 1.2 * np.hypot(*START) < ends["sgd"] < ends["adam"]


def test_rmsprop_spirals_out_to_its_circle_at_a_large_rate() -> None:
    """Over the last turn, 2 pi * 28.3 / sqrt(2) = 126 steps, the radius is that of the calculation."""
    path = spiral("simultaneous", 0.1, 700, start=START, optimizer="rmsprop")
    assert path.radius[-126:].mean() == pytest.approx(circle("rmsprop", 0.1), rel=0.03)


def test_the_circle_by_hand() -> None:
    """RMSProp: t = 99, m = 0. Adam: t = 999, m = 9."""
    assert circle("rmsprop", 1) == pytest.approx(99 * (8 / 98) ** 0.5)
    assert circle("adam", 0.01) == pytest.approx(9.99 * (8 / (999 / 19 - 1)) ** 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "lr", "steps"), [("adam", 0.003, 16_000), ("rmsprop", 0.01, 6_000)])
def test_both_spiral_in_to_their_circles_at_small_rates(optimizer: Averaging, lr: float, steps: int) -> None:
    path = spiral("simultaneous", lr, steps, start=START, optimizer=optimizer)
    assert path.radius[0] > path.radius[-1000:].mean() == pytest.approx(circle(optimizer, lr), rel=0.03)
