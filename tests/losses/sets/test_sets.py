"""Measures of sets: against torch-fidelity and the authors' arithmetic, by hand, and where sets are small or equal."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses import sets
from advloss.losses.sets import Estimate, estimate

MEASURES = [sets.fid, sets.kid, sets.precision, sets.recall, sets.density, sets.coverage]


def two(n: int, m: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(width, width)) / width**0.5
    return torch.from_numpy(rng.normal(size=(n, width)) @ mix), torch.from_numpy(
        rng.normal(size=(m, width)) @ mix + 0.1
    )


def authors_prdc(real: np.ndarray, fake: np.ndarray, k: int, closed: bool) -> dict[str, float]:
    """The arithmetic of Naeem et al.'s code (prdc); closed: of Kynkaanniemi et al.'s, whose balls have their border."""

    def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.sqrt(((a[:, None] - b) ** 2).sum(2))

    within = np.less_equal if closed else np.less
    radii_real, radii_fake = (np.sort(distances(side, side), 1)[:, k] for side in (real, fake))
    between = distances(real, fake)
    return {
        "precision": within(between, radii_real[:, None]).any(0).mean(),
        "recall": within(between, radii_fake[None]).any(1).mean(),
        "density": within(between, radii_real[:, None]).sum(0).mean() / k,
        "coverage": within(between.min(1), radii_real).mean(),
    }


@pytest.mark.parametrize(
    ("n", "m", "width", "k"), [(2, 2, 3, 1), (2, 3, 40, 1), (9, 7, 4, 3), (300, 200, 16, 5), (60, 60, 128, 3)]
)
def test_neighbours_as_the_authors(n: int, m: int, width: int, k: int) -> None:
    x, y = two(n, m, width)
    closed, opened = (authors_prdc(y.numpy(), x.numpy(), k, border) for border in (True, False))
    assert sets.precision(x, y, k).value == pytest.approx(closed["precision"], abs=1e-12)
    assert sets.recall(x, y, k).value == pytest.approx(closed["recall"], abs=1e-12)
    assert sets.density(x, y, k).value == pytest.approx(opened["density"], abs=1e-12)
    assert sets.coverage(x, y, k).value == pytest.approx(opened["coverage"], abs=1e-12)


def test_neighbours_on_a_line_by_hand() -> None:
    """Reals 0, 1, 3, 7 have with k = 1 the radii 1, 1, 2, 4. Of the results 1.5, 5, 20 with the radii 3.5, 3.5, 15: 1.5
    lies in the balls of 1 and 3, 5 in those of 3 (its border) and 7, 20 in none."""
    real, results = torch.tensor([[0.0], [1], [3], [7]]), torch.tensor([[1.5], [5], [20]])
    assert sets.precision(results, real, 1).value == pytest.approx(2 / 3)
    assert sets.recall(results, real, 1).value == 1  # 7 in the balls of 5 and 20, the others in that of 1.5
    assert sets.density(results, real, 1).value == pytest.approx((2 + 1) / 3)  # without the border
    assert sets.coverage(results, real, 1).value == pytest.approx(3 / 4)  # not 0


def test_ties_fall_as_in_exact_arithmetic() -> None:
    """Whole numbers, far from 0, where the product of matrices is off: the borders count for closed balls alone."""
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 3, (40, 5)).astype(float) + 1e6 for _ in range(2))
    closed, opened = (authors_prdc(y, x, 3, border) for border in (True, False))
    found = [f(torch.from_numpy(x), torch.from_numpy(y), 3).value for f in MEASURES[2:]]
    assert found == [closed["precision"], closed["recall"], pytest.approx(opened["density"]), opened["coverage"]]
    assert closed["precision"] != opened["precision"]


@pytest.mark.parametrize(("n", "size"), [(2, 2), (40, 40), (40, 25)])
def test_kid_as_torch_fidelity(n: int, size: int) -> None:
    metric = pytest.importorskip("torch_fidelity.metric_kid")
    x, y = two(n, n, 12)
    expected = metric.kid_features_to_metric(
        x, y, kid_subsets=5, kid_subset_size=size, rng_seed=2020, verbose=False, kid_kernel="poly",
        kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
    )["kernel_inception_distance_mean"]  # fmt: skip
    assert sets.kid(x, y, 5, size).value == pytest.approx(expected, rel=1e-9)


def test_kid_of_two_vectors_by_hand() -> None:
    """x = 0, 1; y = 2, 3 of one dimension, k = (ab + 1)^3: k(0, 1) + k(2, 3) less twice the mean of 1, 1, 27, 64."""
    x, y = torch.tensor([[0.0], [1]]), torch.tensor([[2.0], [3]])
    assert sets.kid(x, y).value == pytest.approx(1 + 343 - 2 * (1 + 1 + 27 + 64) / 4)


def test_kid_is_unbiased() -> None:
    values = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        values.append(sets.kid(*(torch.from_numpy(rng.normal(size=(5, 3))) for _ in range(2))).value)
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


@pytest.mark.parametrize("shape", [(50, 7), (30, 30)])
def test_inception_score_as_torch_fidelity(shape: tuple[int, int]) -> None:
    metric = pytest.importorskip("torch_fidelity.metric_isc")
    x = torch.from_numpy(np.random.default_rng(0).normal(size=shape)) * 3
    for splits in (1, 7, 10):
        expected = metric.isc_features_to_metric(x, splits, shuffle=False)["inception_score_mean"]
        assert sets.inception_score(x, splits).value == pytest.approx(expected, rel=1e-9)


def test_inception_score_by_hand() -> None:
    """Sure of one of K classes each, all alike often: K; the same class always, or never sure: 1."""
    sure = torch.eye(4).repeat(3, 1) * 1e4
    assert sets.inception_score(sure, 1).value == pytest.approx(4)
    assert sets.inception_score(sure[:1].repeat(5, 1), 1).value == 1
    assert sets.inception_score(torch.zeros(5, 4), 1).value == pytest.approx(1)


def test_identical_features() -> None:
    same = torch.full((9, 5), 3.7)
    assert [f(same, same.clone()).value for f in MEASURES] == pytest.approx([0, 0, 1, 1, 0, 0], abs=1e-9)
    apart = [f(same, same + 1).value for f in MEASURES]
    assert apart[0] == pytest.approx(5) and apart[1] > 0 and apart[2:] == [0, 0, 0, 0]


@pytest.mark.parametrize("measure", MEASURES)
def test_blocks_give_the_same(measure, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = two(50, 70, 9)
    whole = measure(x, y)
    monkeypatch.setattr(estimate, "BLOCK", 500)
    monkeypatch.setattr("advloss.losses.sets.neighbours.BLOCK", 20)
    parts = measure(x, y)
    assert parts.value == pytest.approx(whole.value, rel=1e-12) and parts.error == pytest.approx(whole.error, rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_float32_is_computed_in_float64(measure) -> None:
    x, y = (side.float() for side in two(20, 30, 6))
    assert measure(x, y).value == measure(x.double(), y.double()).value


def test_the_error_and_the_interval() -> None:
    """Of a mean: the standard error, and an interval of about 1.96 of them to each side."""
    part = torch.from_numpy(np.random.default_rng(0).normal(size=400))
    found = Estimate(part.mean().item(), (part,))
    assert found.error == pytest.approx(part.std().item() / 20)
    low, high = found.interval()
    assert low < found.value < high and (high - low) / (2 * 1.96 * found.error) == pytest.approx(1, abs=0.06)
    assert found.interval() == (low, high)
    assert math.isnan(Estimate(1.0).error) and math.isnan(Estimate(1.0, (torch.ones(1),)).error)


def test_kids_error_is_that_of_other_samples() -> None:
    draws = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, 4)), rng.normal(size=(60, 4)) + 1
        draws.append(sets.kid(torch.from_numpy(x), torch.from_numpy(y)))
    spread = np.std([each.value for each in draws])
    assert np.mean([each.error for each in draws]) == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize(
    ("measure", "x", "y", "says"),
    [
        (sets.kid, torch.zeros(1, 4), torch.zeros(9, 4), "kid needs at least 2 pictures in each set, and one has 1"),
        (sets.kid, torch.zeros(3, 4), torch.zeros(3, 5), r"kid compares feature vectors .* \[3, 4\] and \[3, 5\]"),
        (sets.precision, torch.zeros(9, 4), torch.zeros(3, 4), "precision with k = 3 needs at least 4 pictures"),
        (sets.coverage, torch.zeros(5, 4), torch.zeros(9, 4), "coverage with k = 5 needs at least 6 pictures"),
        (sets.fid, torch.full((3, 4), torch.nan), torch.zeros(3, 4), "fid: features are not finite"),
    ],
)
def test_what_can_not_be_measured(measure, x: Tensor, y: Tensor, says: str) -> None:
    with pytest.raises(InputError, match=says):
        measure(x, y)


def test_fewer_images_than_splits() -> None:
    with pytest.raises(InputError, match="inception_score needs at least 10 pictures"):
        sets.inception_score(torch.zeros(9, 4))


@pytest.mark.slow
def test_five_thousand_as_the_authors_packages() -> None:
    """prdc computes in float32-like precision of scikit-learn; torch-fidelity's KID with its default subsets."""
    prdc = pytest.importorskip("prdc")
    metric = pytest.importorskip("torch_fidelity.metric_kid")
    x, y = two(5000, 5000, 64)
    expected = prdc.compute_prdc(y.numpy(), x.numpy(), 5)
    for measure in (sets.precision, sets.recall, sets.density, sets.coverage):
        assert measure(x, y, 5).value == pytest.approx(expected[measure.__name__], abs=1e-6)
    kid = metric.kid_features_to_metric(x, y, verbose=False)["kernel_inception_distance_mean"]
    assert sets.kid(x, y).value == pytest.approx(kid, rel=1e-6)
