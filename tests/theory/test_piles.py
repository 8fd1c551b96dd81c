"""Four piles of earth."""

import numpy as np
import pytest

from advloss.theory.piles import piles


def test_moving_the_piles_takes_a_work_of_5() -> None:
    """The earth mover's distance of (3, 2, 1, 4) and (1, 2, 4, 3): 2 + 2 + |-1| + 0 = 5 by cumulative differences."""
    found = piles()
    assert found.work == 5
    assert found.work_of_plan == pytest.approx(5, abs=1e-9)


def test_the_plan_makes_the_piles() -> None:
    """Kantorovich's constraints: the plan's rows sum to the piles before, its columns to those after."""
    found = piles()
    np.testing.assert_allclose(found.plan.sum(1), (3, 2, 1, 4), atol=1e-9)
    np.testing.assert_allclose(found.plan.sum(0), (1, 2, 4, 3), atol=1e-9)
    assert (found.plan > -1e-9).all()


def test_other_piles_take_another_work() -> None:
    """W1 is a metric: 0 only for the same piles, and farther piles cost more."""
    assert piles((1, 0, 0, 0), (0, 0, 0, 1)).work == 3
    assert piles((3, 2, 1, 4), (3, 2, 1, 4)).work == 0
