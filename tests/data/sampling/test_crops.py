"""Crops are mirrored and turned as drawn, and what is drawn for one run is drawn for every later version's."""

import numpy as np
import pytest

from advloss.data import random_streams
from advloss.data.random_streams import draws
from advloss.data.sampling.crops import Crop, View, copy_crop, drawn_crop, middle_crop
from tests.data.pictures import picture


def test_streams_keep_their_numbers() -> None:
    """They are part of what every run has seen."""
    names = "ORDER PARTNERS VIEW_FIRST VIEW_SECOND AUGMENT_FIRST AUGMENT_SECOND DEGRADE DEGRADE_EVALUATION"
    assert [getattr(random_streams, name) for name in names.split()] == list(range(1, 9))
    assert [random_streams.view_stream(source) for source in range(4)] == [3, 4, 131, 195]
    assert [random_streams.augment_stream(source) for source in range(4)] == [5, 6, 133, 197]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("contiguous", [True, False])
def test_a_crop_is_mirrored_then_turned(mirrored: bool, quarters: int, contiguous: bool) -> None:
    whole = picture(0, 20, 30)
    planes = whole.transpose(2, 0, 1)
    out = np.empty((2, 3, 12, 12), np.uint8)[1]
    copy_crop(Crop(3, 7, 12, mirrored, quarters), np.ascontiguousarray(planes) if contiguous else planes, out)
    part = whole[3:15, 7:19]
    part = np.rot90(part[:, ::-1] if mirrored else part, quarters)
    np.testing.assert_array_equal(out, part.transpose(2, 0, 1))
    np.testing.assert_array_equal(whole, picture(0, 20, 30))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_the_steps_of_a_crop_lead_to_its_pixels(mirrored: bool, quarters: int) -> None:
    plane = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)  # each pixel says where it lies
    first, down, across = Crop(3, 7, 12, mirrored, quarters).steps(30)
    y, x = np.indices((12, 12))
    part = plane[3:15, 7:19]
    part = np.rot90(part[:, ::-1] if mirrored else part, quarters)
    np.testing.assert_array_equal(first + down * y + across * x, part)


@pytest.mark.parametrize(("flip", "rotate", "symmetries"), [(True, True, 8), (False, True, 4), (True, False, 2)])
def test_all_symmetries_are_drawn_about_as_often(flip: bool, rotate: bool, symmetries: int) -> None:
    view = View("none", 0, 5, flip, rotate)
    crops = [drawn_crop(draws(3, 0, 0, position), (9, 9), view, 5) for position in range(800)]
    square, seen = np.arange(25, dtype=np.uint8).reshape(1, 5, 5), []
    for crop in crops:
        out = np.empty_like(square)
        copy_crop(Crop(0, 0, 5, crop.mirrored, crop.quarters), square, out)
        seen.append(out.tobytes())
    times = [seen.count(one) for one in set(seen)]
    assert len(times) == symmetries
    assert min(times) > 0.7 * 800 / symmetries


def test_turning_changes_no_other_draw() -> None:
    plain, turned = View("none", 0, 5, True), View("none", 0, 5, True, rotate=True)
    for position in range(50):
        one, other = (drawn_crop(draws(3, 0, 0, position), (9, 14), view, 5) for view in (plain, turned))
        assert (one.top, one.left, one.mirrored, one.quarters) == (other.top, other.left, other.mirrored, 0)


def test_what_is_drawn_stays() -> None:
    view = View("none", 0, 20, flip=True, rotate=True)
    crops = [drawn_crop(draws(3, 7, 1, position), (100, 200), view, 20) for position in (0, 1, 2, 64, 129)]
    assert [(crop.top, crop.left, crop.mirrored, crop.quarters) for crop in crops] == [
        (25, 23, True, 1),
        (55, 155, True, 0),
        (46, 117, True, 1),
        (78, 140, True, 3),
        (6, 78, False, 0),
    ]


def test_every_sample_has_draws_of_its_own_in_any_order() -> None:
    places = [(stream, epoch, position) for stream in (3, 4) for epoch in (0, 1) for position in range(130)]
    drawn = {place: tuple(draws(place[0], 7, *place[1:])) for place in places}
    assert len(set(drawn.values())) == len(places)
    assert all(tuple(draws(place[0], 7, *place[1:])) == drawn[place] for place in reversed(places))


def test_the_middle_at_multiples_of_the_scale() -> None:
    whole = np.arange(23 * 30).reshape(23, 30, 1)
    np.testing.assert_array_equal(middle_crop(whole, 10), whole[6:16, 10:20])
    np.testing.assert_array_equal(middle_crop(whole, 8, 4), whole[4:12, 8:16])
