"""Learning-rate factors, worked out by hand."""

import math

import pytest

from advloss.recipe.schedules import Annealed, Constant, Cosine, Linear, MultiStep, Step


def test_linear_is_the_references():
    """lambda epoch: 1 - max(0, epoch + epoch_count - n_epochs) / (n_epochs_decay + 1), with epoch_count = 1."""
    linear = Linear(hold=100, decay=100)
    for epoch, factor in ((0, 1), (99, 1), (100, 1 - 1 / 101), (101, 1 - 2 / 101), (150, 1 - 51 / 101), (199, 1 / 101)):
        assert linear.factor(epoch) == pytest.approx(factor, abs=1e-12)
    assert linear.factor(200) == pytest.approx(0, abs=1e-12) and linear.factor(1000) == 0
    assert [linear(iteration, iterations_per_epoch=7) for iteration in (0, 699)] == [1, 1]
    assert linear(700, 7) == linear(706, 7) == pytest.approx(100 / 101)
    assert linear(707, 7) == pytest.approx(99 / 101)


def test_iterations_instead_of_epochs():
    linear = Linear(hold=2, decay=3, unit="iterations")
    assert [linear(iteration, 1000) for iteration in range(6)] == pytest.approx([1, 1, 0.75, 0.5, 0.25, 0])


def test_cosine_and_steps_and_constant():
    cosine = Cosine(length=4, floor=0.1)
    half = (1 + math.sqrt(0.5)) / 2
    assert [cosine.factor(n) for n in (0, 1, 2, 4, 9)] == pytest.approx([1, 0.1 + 0.9 * half, 0.55, 0.1, 0.1])
    step = Step(every=3, gamma=0.5)
    assert [step.factor(n) for n in (0, 2, 3, 5, 6)] == [1, 1, 0.5, 0.5, 0.25]
    several = MultiStep(milestones=(50, 100, 200), gamma=0.5)
    assert [several.factor(n) for n in (0, 49, 50, 99, 100, 200, 999)] == [1, 1, 0.5, 0.5, 0.25, 0.125, 0.125]
    assert Constant().factor(10**9) == 1


def test_warmup_counts_iterations_whatever_the_unit():
    constant = Constant(warmup=4)
    assert [constant(iteration, 2) for iteration in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    step = Step(every=1, gamma=0.5, warmup=4)  # the epoch's factor times that of the warm-up
    assert [step(iteration, 2) for iteration in range(6)] == [0.25, 0.5, 0.375, 0.5, 0.25, 0.25]


def test_annealed_by_hand():
    """(1 + 10 p)^(-3/4): at p = 0.5 it is 6^(-3/4), at the end and after it 11^(-3/4)."""
    annealed = Annealed(length=4, unit="iterations")
    expected = [1, 3.5**-0.75, 6**-0.75, 8.5**-0.75, 11**-0.75, 11**-0.75]
    assert [annealed(iteration, 1000) for iteration in range(6)] == pytest.approx(expected)
