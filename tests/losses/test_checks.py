"""A mistake in what a loss is given stops with a sentence about it, and a right call never waits for the device."""

import pytest
import torch

from advloss.core.clock import Clock
from advloss.core.errors import InputError
from advloss.losses.checks import InputCheck, check_range


def test_values_far_outside_the_range() -> None:
    check_range(torch.tensor([-1.5, 1.5]), "x")
    with pytest.raises(InputError, match=r"x has values from 0 to 255; images are in \[-1, 1\]"):
        check_range(torch.tensor([0.0, 255.0]), "x")
    with pytest.raises(InputError, match=r"from -1\.6 to 0"):
        check_range(torch.tensor([-1.6, 0.0]), "x")


def test_a_few_values_may_overshoot() -> None:
    image = torch.zeros(1, 1, 20, 20)
    image[0, 0, 0, :3] = torch.tensor([-2.0, 1.6, 3.0])
    check_range(image, "x")
    image[0, 0, 0, 3:5] = 1.6  # now 5 of 400
    with pytest.raises(InputError, match=r"x has values from -2 to 3"):
        check_range(image, "x")


def test_types_and_shapes() -> None:
    check = InputCheck()
    image = torch.zeros(1, 3, 4, 4)
    with pytest.raises(InputError, match=r"y has dtype torch.uint8; images are floating point in \[-1, 1\]"):
        check(x=image, y=image.byte())
    with pytest.raises(InputError, match="x is empty"):
        check(x=image[:0], y=image[:0])
    with pytest.raises(InputError, match=r"x has shape \(1, 3, 4, 4\) and y \(1, 3, 4, 5\)"):
        check(x=image, y=torch.zeros(1, 3, 4, 5))


def test_values_are_looked_at_in_the_first_iteration_only() -> None:
    """The clock says which it is: a module that is made later, as after a resume, may do what the first one may."""
    image, far = torch.zeros(1), torch.full((1,), 255.0)
    alone, early, late = InputCheck(), InputCheck(), InputCheck()
    early.clock, late.clock = Clock(), Clock()
    late.clock.iteration = 1
    for check in (alone, early):
        with pytest.raises(InputError, match=r"x has values from 255 to 255"):
            check(x=far, y=image)
    InputCheck()(x=torch.full((1,), 255.0, device="meta"))
    late(x=far, y=image)
    alone = InputCheck()
    alone(x=image, y=image)
    alone(x=far, y=image)


def test_none_under_compile() -> None:
    check = InputCheck()

    @torch.compile(fullgraph=True, backend="eager")
    def loss(x: torch.Tensor) -> torch.Tensor:
        check(x=x)
        return x.mean()

    assert loss(torch.full((2,), 255.0)) == 255
    assert check.clock.iteration == 0
