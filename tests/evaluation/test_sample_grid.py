"""Where a grid's pictures stand."""

import pytest
import torch

from advloss.evaluation.sample_grid import GAP, HEADER, sample_grid

SIDE = 96


def levels(grid: torch.Tensor) -> list[list[int]]:
    """The grey level in the middle of each cell, row by row; 255 where there is none."""
    rows, columns = (grid.shape[1] - HEADER - GAP) // (SIDE + GAP), (grid.shape[2] - GAP) // (SIDE + GAP)
    return [
        [
            int(grid[0, HEADER + GAP + i * (SIDE + GAP) + SIDE // 2, GAP + j * (SIDE + GAP) + SIDE // 2])
            for j in range(columns)
        ]
        for i in range(rows)
    ]


def flat(level: int, channels: int = 3) -> torch.Tensor:
    return torch.full((1, channels, SIDE, SIDE), level / 127.5 - 1)


def test_a_row_an_item_and_a_column_a_tensor() -> None:
    assert levels(sample_grid([{"a": flat(10), "b": flat(20)}, {"a": flat(30), "b": flat(40)}])) == [[10, 20], [30, 40]]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_one_tensor_alone_fills_a_square(channels: int) -> None:
    grid = sample_grid([{"fake": flat(10 * number, channels)} for number in range(7)])
    assert levels(grid) == [[0, 10, 20], [30, 40, 50], [60, 255, 255]]
    assert sample_grid([{"fake": flat(10)}]).shape[2] == SIDE + 2 * GAP
