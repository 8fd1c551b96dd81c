"""Pictures for the browser: small ones enlarged by whole numbers, others made smaller, all as 8-bit RGB."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advloss.demo.previews import colour, comparison, enlarged, preview, rgb8, token_picture
from advloss.images.reading import Picture, read_rgb8
from tests.data.pictures import picture


def saved(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_a_small_result_is_enlarged_by_a_whole_number_and_its_picture_as_well(tmp_path: Path) -> None:
    before, after = saved(tmp_path / "a.png", picture(0, 20, 30)), saved(tmp_path / "b.png", picture(1, 80, 120))
    shown = [read_rgb8(path) for path in comparison(before, after, tmp_path)]
    assert shown[0].shape == shown[1].shape == (320, 480, 3)
    np.testing.assert_array_equal(shown[1][::4, ::4], picture(1, 80, 120))
    same = comparison(before, before, tmp_path)
    assert same[0].read_bytes() == same[1].read_bytes()


def test_the_middle_is_shown_where_the_ratio_differs(tmp_path: Path) -> None:
    wide = picture(0, 480, 600)
    before, after = saved(tmp_path / "a.png", wide), saved(tmp_path / "b.png", picture(1, 480, 480))
    shown, _ = comparison(before, after, tmp_path)
    np.testing.assert_array_equal(read_rgb8(shown), wide[:, 60:540])


def test_a_large_one_is_made_smaller(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", picture(0, 100, 3200))
    assert Image.open(enlarged(file, tmp_path / "b.png")).size == (1600, 50)
    assert Image.open(preview(file, tmp_path / "c.png", 240)).size == (240, 8)
    small = saved(tmp_path / "s.png", picture(0, 9, 7))
    np.testing.assert_array_equal(read_rgb8(preview(small, tmp_path / "d.png")), picture(0, 9, 7))


@pytest.mark.parametrize(
    ("pixels", "shown"),
    [
        (np.array([[[0], [65535]]], np.uint16), [[[0] * 3, [255] * 3]]),
        (np.array([[[-1.0], [3.0], [1.0]]], np.float32), [[[0] * 3, [255] * 3, [128] * 3]]),
        (np.array([[[2.0]]], np.float32), [[[0] * 3]]),
        (np.arange(10, dtype=np.uint8).reshape(1, 2, 5), [[[0] * 3, [5] * 3]]),
    ],
)
def test_all_kinds_become_8_bit_colours(pixels: np.ndarray, shown: list) -> None:
    np.testing.assert_array_equal(rgb8(Picture(pixels)), shown)


def test_tokens_have_a_colour_for_each_code(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [1, 511]])
    seen = read_rgb8(token_picture(indices, tmp_path / "t.png"))
    assert seen.shape == (480, 480, 3)
    for row, column in np.ndindex(2, 2):
        square = seen[240 * row : 240 * row + 240, 240 * column : 240 * column + 240]
        assert (square == colour(int(indices[row, column]))).all()
    assert len({colour(code) for code in range(512)}) > 500
    books = read_rgb8(token_picture(np.stack([indices, indices.T], 2), tmp_path / "n.png"))
    assert books.shape == (2 * 96, 5 * 96, 3) and (books[:, 2 * 96 : 3 * 96] == 255).all()
