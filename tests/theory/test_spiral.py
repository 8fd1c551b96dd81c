"""The game xy: Mescheder et al. 2018, arXiv:1801.04406, section 2."""

import numpy as np
import pytest

from advloss.losses.adversarial.penalties import PENALTIES
from advloss.theory.spiral import spiral


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
