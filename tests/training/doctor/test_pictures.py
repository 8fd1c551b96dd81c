"""Measures of pictures and weights, by values worked out by hand."""

import math

import pytest
import torch

from advloss.training.doctor.pictures import checkerboard, distance_among, of_real, saturated, thumbnails
from advloss.training.doctor.weights import copied, moved, typically_moved


def test_the_distance_is_the_root_mean_square_over_pairs() -> None:
    vectors = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]])
    pairs = [(2**2) / 2, (4**2) / 2, (2**2 + 4**2) / 2]
    assert float(distance_among(vectors)) == pytest.approx(math.sqrt(sum(pairs) / 3))
    assert float(distance_among(torch.ones(5, 3))) == 0


def test_thumbnails() -> None:
    x = torch.rand(2, 3, 32, 48)
    assert thumbnails(x).shape == (2, 3 * 16 * 16)
    assert float(thumbnails(x)[0, 0]) == pytest.approx(float(x[0, 0, :2, :3].mean()))
    assert torch.equal(thumbnails(torch.ones(2, 5)), torch.ones(2, 5))
    assert thumbnails(torch.ones(2, 1, 8, 8)).shape == (2, 64)


def test_saturated() -> None:
    assert float(saturated(torch.tensor([-1.0, -0.98, 0.0, 0.995]))) == 0.5


def test_a_checkerboard_is_found_whatever_the_period_and_noise_is_none() -> None:
    torch.manual_seed(0)
    noise = torch.randn(4, 3, 64, 64)
    assert float(checkerboard(noise)) < 0.02
    for period in (2, 4, 8):
        pattern = torch.zeros(64, 64)
        pattern[::period, ::period] = 1
        assert float(checkerboard(pattern.expand(4, 3, 64, 64))) > 0.9
        # half of the detail's energy is the pattern's
        assert 0.2 < float(checkerboard(noise / noise.std() * pattern.std() + pattern)) < 0.8
    assert float(checkerboard(torch.randn(1, 1, 8, 8))) == 0 and float(checkerboard(torch.ones(1, 1, 32, 32))) == 0


def test_the_values_of_real_images() -> None:
    assert {key: float(value) for key, value in of_real(torch.tensor([-1.0, 3.0])).items()} == {
        "low": -1,
        "high": 3,
        "contrast": 2,
    }


def test_how_far_a_step_moves_the_weights() -> None:
    weights = [torch.nn.Parameter(torch.tensor([3.0, 0.0])), torch.nn.Parameter(torch.tensor(4.0))]
    before = copied(weights)
    assert float(moved(weights, before)) == 0
    weights[0].data[1] = 0.5
    assert float(moved(weights, before)) == pytest.approx(0.1)  # 0.5 of 5


def test_a_codebook_that_is_made_anew_is_not_taken_for_a_large_step() -> None:
    before = [torch.ones(4, 4), torch.ones(2, 2), torch.ones(3, 3), torch.zeros(5)]
    now = [1.01 * before[0], 1.02 * before[1], 9 * before[2], torch.ones(5)]
    assert float(typically_moved(now, before)) == pytest.approx(0.02, abs=1e-6)
    assert float(typically_moved([torch.full((2,), 1.5)], [torch.ones(2)])) == pytest.approx(0.5)
