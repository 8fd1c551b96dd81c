"""Where a scatter's points stand."""

import torch

from advloss.evaluation.scatter import HEADER, SIDE, scatter

BLUE, RED = (42, 111, 219), (217, 72, 15)


def at(picture: torch.Tensor, x: float, y: float, half: float) -> tuple[int, ...]:
    """The colour at a place of the plane, which is [-half, half] along both axes."""
    column, row = int((x / half + 1) / 2 * SIDE), int((1 - y / half) / 2 * SIDE)
    return tuple(picture[:, HEADER + row, column].tolist())


def test_points_stand_where_they_are_and_y_points_upwards() -> None:
    picture = scatter({"fake": torch.tensor([[1.0, 1.2]]), "point": torch.tensor([[-1.4, -1.0], [1.0, 1.2]])})
    assert picture.shape == (3, HEADER + SIDE, SIDE) and picture.dtype == torch.uint8
    assert at(picture, 1, 1.2, 1.5) == BLUE  # the first set on top
    assert at(picture, -1.4, -1, 1.5) == RED
    assert at(picture, -1, 1.2, 1.5) == (255, 255, 255)


def test_points_that_are_not_finite_are_left_out() -> None:
    clean = torch.tensor([[0.5, 0.5]])
    dirty = torch.cat([clean, torch.tensor([[float("nan"), 0.0], [float("inf"), 1.0]])])
    assert torch.equal(scatter({"fake": clean}), scatter({"fake": dirty}))
    assert scatter({"fake": dirty[1:]}).shape == (3, HEADER + SIDE, SIDE)
