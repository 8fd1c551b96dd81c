"""The drawn points: where they lie, and what they depend on."""

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import known, open_any, open_data
from advloss.data.fields import Image, Noise, Vector
from advloss.data.synthetic.points import COUNTS, POINT_SETS, grid_centres, open_points, ring_centres

POINT = {"point": Vector("points"), "noise": Noise(size=2)}


def drawn(name: str, count: int = 20_000) -> np.ndarray:
    return POINT_SETS[name](np.random.default_rng(0), count)


@pytest.mark.parametrize("name", POINT_SETS)
def test_points_depend_on_seed_and_split_alone(name: str) -> None:
    data, again, other = open_points(name, 3), open_points(name, 3), open_points(name, 4)
    assert {split: len(each) for split, each in data.splits.items()} == COUNTS
    for split in COUNTS:
        points = data.splits[split].rows["point"].values
        assert points.dtype == np.float32 and points.shape == (COUNTS[split], 2) and abs(points).max() < 2.5
        np.testing.assert_array_equal(points, again.splits[split].rows["point"].values)
        assert (points != other.splits[split].rows["point"].values).any()
    val, test = (data.splits[split].rows["point"].values for split in ("val", "test"))
    assert (val != test).any()


@pytest.mark.parametrize(("name", "centres", "std"), [("ring", ring_centres(), 0.1), ("grid", grid_centres(), 0.05)])
def test_mixtures_have_equal_shares_of_round_gaussians(name: str, centres: np.ndarray, std: float) -> None:
    points = drawn(name)
    nearest = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    shares = np.bincount(nearest, minlength=len(centres)) / len(points)
    assert abs(shares - 1 / len(centres)).max() < 4 * np.sqrt(1 / len(centres) / len(points))
    apart = points - centres[nearest]
    np.testing.assert_allclose(apart.T @ apart / len(points), np.eye(2) * std**2, atol=0.04 * std**2)


def test_lines_and_the_roll_lie_on_their_curves() -> None:
    lines, roll = drawn("lines"), drawn("swiss-roll") * 7.5
    assert set(lines[:, 0]) == {-1.0, 1.0} and abs(lines[:, 1].std() - 4 / 12**0.5) < 0.03
    radius, angle = np.hypot(*roll.T), np.arctan2(*roll.T[::-1])
    turns = (radius - angle) / (2 * np.pi)  # on (t cos t, t sin t) the radius is the angle and whole turns
    off = (turns - np.round(turns)) * 2 * np.pi
    assert abs(off.std() - 0.25) < 0.01  # the noise, across the curve


def test_a_set_of_points_is_found_by_its_name() -> None:
    names = {name for name, kind, _ in known() if kind == "synthetic, points"}
    assert names == set(POINT_SETS)
    assert open_any("ring").train.rows["point"].values.shape == (10_000, 2)
    opened = open_data("ring", POINT, size=256, seed=1)
    np.testing.assert_array_equal(opened.train.rows["point"].values, open_points("ring", 1).train.rows["point"].values)


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("ring", {"b": Image("b")}, "'ring' holds points and no pictures"),
        ("stripes", POINT, "'stripes' holds pictures, and this method learns from points: use ring,"),
        ("rnig", POINT, "did you mean 'ring'"),
        (None, POINT, "name one, ring, grid, lines, swiss-roll, or give data.point=FILE.npy"),
    ],
)
def test_sets_that_a_method_cannot_use_are_refused(name: str | None, fields: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_data(name, fields, size=256, seed=0)
