"""How axes are cut."""

import pytest
import torch

from advloss.inference.tiles.tile_grid import axis_tiles, even_tile, least_tile

CPU = torch.device("cpu")
CASES = [
    (length * multiple, tile * multiple, overlap, multiple)
    for multiple in (1, 4, 256)
    for length in (1, 2, 9, 30, 100, 101)
    for tile in (9, 16, 40)
    for overlap in (0, 1, 3, 4)
]


@pytest.mark.parametrize(("length", "tile", "overlap", "multiple"), CASES)
def test_every_pixel_counts_once_and_tiles_have_one_shape(length: int, tile: int, overlap: int, multiple: int):
    cut = axis_tiles(length, tile, overlap, multiple, overlap // 4)
    assert {span.stop - span.start for span in cut} == {min(tile, length)}
    assert all(span.start % multiple == 0 and min(span.start, length - span.stop) >= 0 for span in cut)
    own = [pixel for span in cut for pixel in range(span.first, span.last)]
    assert own == list(range(length))
    for span in cut:
        assert span.first - span.start >= (overlap if span.start else 0)
        assert span.stop - span.last >= (overlap if span.stop < length else 0)
    for scale in (1, 3):
        total = torch.zeros(length * scale)
        for span in cut:
            total[span.reach[0] * scale : span.reach[1] * scale] += span.weights(scale, CPU)
        torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize(("length", "tile", "overlap", "multiple"), CASES)
def test_even_tiles_are_no_more_and_no_larger(length: int, tile: int, overlap: int, multiple: int):
    even = even_tile(length, tile, overlap, multiple)
    number = len(axis_tiles(length, tile, overlap, multiple, 0))
    assert even <= max(tile, length) and even % multiple == 0
    assert len(axis_tiles(length, even, overlap, multiple, 0)) == number


def test_the_last_tile_ends_with_an_axis_that_is_no_multiple():
    cut = axis_tiles(101, 40, 5, 8, 0)
    assert [(span.start, span.stop) for span in cut] == [(0, 40), (24, 64), (48, 88), (64, 101)]
    assert [(span.first, span.last) for span in cut] == [(0, 32), (32, 56), (56, 76), (76, 101)]


def test_even_tiles_by_hand():
    assert even_tile(20, 16, 0, 1) == 10 and even_tile(20, 16, 0, 1, least=16) == 16
    assert even_tile(520, 512, 8, 1) == 268  # two of 268 overlap by 16
    assert least_tile(32, 1) == 65 and least_tile(32, 256) == 512 and least_tile(0, 4) == 4


def test_the_fade_is_linear():
    first, second = axis_tiles(40, 24, 4, 1, 2)
    assert (first.first, first.last, second.first, second.last) == (0, 20, 20, 40)
    assert first.weights(1, CPU).tolist() == [1.0] * 18 + [0.875, 0.625, 0.375, 0.125]
    assert second.weights(1, CPU).tolist() == [0.125, 0.375, 0.625, 0.875] + [1.0] * 18


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 35])
def test_own_shares_sum_to_the_axis_at_every_resolution(length: int):
    cut = axis_tiles(64, 35, 4, 1, 0)
    covered = [span.own_share(length, CPU).sum().item() * 35 / length for span in cut]
    assert covered == pytest.approx([span.last - span.first for span in cut])


def test_a_mirrored_span_has_mirrored_shares():
    for span in axis_tiles(64, 35, 4, 1, 0):
        assert span.mirrored().own_share(7, CPU).tolist() == pytest.approx(span.own_share(7, CPU).flip(0).tolist())
