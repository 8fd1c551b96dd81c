"""The Fréchet distance: worked out by hand, against scipy's root of a matrix, and where that has none."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.sets import Normal, fid
from advloss.losses.sets import frechet_distance as of_normals


def frechet_distance(x: Tensor, y: Tensor) -> float:
    return fid(x, y).value


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """The formula as it stands."""
    c, d = (np.cov(side, rowvar=False) for side in (x, y))
    root = scipy.linalg.sqrtm(c @ d)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c + d - 2 * root.real))


def test_one_dimension_by_hand():
    """Normals of one dimension: (m - n)^2 + (sigma - tau)^2; here m = 1, sigma^2 = 2, n = 6, tau^2 = 8."""
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [8.0]])
    assert frechet_distance(x, y) == pytest.approx(25 + (8**0.5 - 2**0.5) ** 2, abs=1e-12)


def test_two_dimensions_by_hand():
    """Covariances [[2, 0], [0, 0]] and [[0, 0], [0, 2]] share nothing: 4 in all, and the means are equal."""
    x, y = torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    assert frechet_distance(x, y) == pytest.approx(4, abs=1e-12)


def features(count: int, width: int, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random((count, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width))


@pytest.mark.parametrize(("n", "m"), [(60, 60), (400, 35)])
def test_as_scipy(n: int, m: int):
    x, y = features(n, 24, 0), features(m, 24, 1)
    assert frechet_distance(x, y) == pytest.approx(by_scipy(x.numpy(), y.numpy()), rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-12)


def test_as_torch_fidelity():
    metric = pytest.importorskip("torch_fidelity.metric_fid")
    x, y = features(400, 24, 0), features(350, 24, 1)
    statistics = [metric.fid_features_to_statistics(side) for side in (x, y)]
    expected = metric.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_of_mean_and_covariance_alone():
    x, y = features(400, 24, 0), features(30, 24, 1)
    known = Normal.of_moments(torch.from_numpy(x.numpy().mean(0)), torch.from_numpy(np.cov(x.numpy(), rowvar=False)))
    assert of_normals(known, Normal.of(y)) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    with pytest.raises(InputError, match=r"a mean \[D\] and a covariance \[D, D\]"):
        Normal.of_moments(torch.zeros(3), torch.zeros(3, 4))


def test_more_vectors_than_are_taken_at_once(monkeypatch: pytest.MonkeyPatch):
    x, y = features(400, 24, 0), features(350, 24, 1)
    whole = frechet_distance(x, y)
    monkeypatch.setattr("advloss.losses.sets.frechet.ROWS", 64)
    assert frechet_distance(x, y) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "width"), [(80, 70, 6), (30, 25, 90)])
def test_the_error_is_near_the_jackknifes(n: int, m: int, width: int):
    """Quenouille and Tukey: the root of (N - 1) / N times the sum of squares of what leaving one out changes."""
    x, y = features(n, width, 0), features(m, width, 1)
    one = [frechet_distance(torch.cat([x[:i], x[i + 1 :]]), y) for i in range(n)]
    other = [frechet_distance(x, torch.cat([y[:i], y[i + 1 :]])) for i in range(m)]
    jackknife = sum((len(values) - 1) * np.var(values) for values in (one, other)) ** 0.5
    assert fid(x, y).error == pytest.approx(jackknife, rel=0.15)


def test_fewer_vectors_than_features():
    """Turned so that all but three features are 0 everywhere: the distance is that of the three."""
    x, y = features(4, 3, 0), features(5, 3, 1)
    rotation = torch.linalg.qr(torch.randn(300, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    wide = [torch.cat([side, side.new_zeros(len(side), 297)], 1) @ rotation for side in (x, y)]
    assert frechet_distance(*wide) == pytest.approx(by_scipy(x.numpy(), y.numpy()), rel=1e-9)


def test_equal_sets_are_at_no_distance():
    x = features(5, 200, 0)
    assert 0 <= frechet_distance(x, x.flip(0)) < 1e-8 * x.var(0).sum()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.zeros(1, 4), torch.zeros(9, 4), "at least 2 pictures in each set, and one has 1"),
        (torch.zeros(3, 4), torch.zeros(3, 5), r"shapes \[3, 4\] and \[3, 5\]"),
        (torch.zeros(3), torch.zeros(3), r"feature vectors \[N, D\]"),
    ],
)
def test_what_has_no_distance(x: Tensor, y: Tensor, message: str):
    with pytest.raises(InputError, match=message):
        frechet_distance(x, y)
