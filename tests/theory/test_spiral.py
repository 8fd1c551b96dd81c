"""The game xy: Mescheder et al. 2018, arXiv:1801.04406, section 2."""

import numpy as np
import pytest

from advloss.losses.adversarial.penalties import PENALTIES
from advloss.theory.spiral import START, circle, optimizer_spirals, spiral


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


def test_only_rmsprop_spirals_in_at_a_middle_rate_and_ends_on_its_circle() -> None:
    """The radius over the last turn is that of the calculation, also where the spiral begins inside it."""
    found = optimizer_spirals((0.03, 0.1), distance=40)
    for lr in (0.03, 0.1):
        began = np.hypot(*START)
        assert found["sgd"][lr].radius[-1] > began and found["adam"][lr].radius[-1] > began
        last = found["rmsprop"][lr].radius[-126:]  # a turn takes 2 pi * 28.3 / sqrt(2) steps
        assert last.mean() == pytest.approx(circle("rmsprop", lr), rel=0.03)
    assert found["rmsprop"][0.03].radius[-1] < began / 2 < began < found["rmsprop"][0.1].radius[-1]


def test_the_circle_by_hand() -> None:
    """RMSProp: t = 99, m = 0. Adam: t = 999, m = 9."""
    assert circle("rmsprop", 1) == pytest.approx(99 * (8 / 98) ** 0.5)
    assert circle("adam", 0.01) == pytest.approx(9.99 * (8 / (999 / 19 - 1)) ** 0.5)


@pytest.mark.slow
def test_adam_spirals_in_at_a_small_rate() -> None:
    path = spiral("simultaneous", 0.003, 16_000, start=START, optimizer="adam")
    assert path.radius[-2000:].mean() == pytest.approx(circle("adam", 0.003), rel=0.03)
