"""Ranges of parameters: as Python checks them and as pydantic does."""

import inspect
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.errors import InputError
from advloss.core.limits import Converted, Limits, above, at_least, between, check_limits
from advloss.losses.adversarial.penalties import R1


class Part:
    def __init__(
        self,
        weight: Annotated[float | Schedule, WithinLimits(at_least(0))] = 1.0,
        limit: Annotated[float, above(0)] | None = None,
        share: Annotated[float, Limits(ge=0, lt=1)] = 0.5,
    ) -> None:
        check_limits(self, weight=weight, limit=limit, share=share)


class Heir(Part):
    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": -1}, "Part: weight=-1 must be at least 0"),
        ({"weight": float("nan")}, "Part: weight=nan must be at least 0"),
        ({"weight": float("inf")}, "Part: weight=inf must be at least 0"),
        ({"weight": "1"}, "Part: weight=1 must be at least 0"),
        ({"weight": Schedule(1, -1, over=3)}, "Part: weight=-1 must be at least 0"),
        ({"limit": 0}, "Part: limit=0 must be above 0"),
        ({"share": 1.0}, "Part: share=1.0 must be at least 0 and less than 1"),
    ],
)
def test_python(given: dict, said: str) -> None:
    with pytest.raises(InputError) as error:
        Part(**given)
    assert str(error.value) == said


def test_a_subclass_that_says_nothing_of_it_has_the_range_of_its_base() -> None:
    with pytest.raises(InputError, match="Heir: weight=-1 must be at least 0"):
        Heir(-1)
    Heir(2)


def test_pydantic() -> None:
    for annotation, right, wrong in [
        (Annotated[int, at_least(1)], "1", ["0", 0, "x", 1.5]),
        (Annotated[float, above(0)] | None, None, [0, "nan", "inf"]),
        (Annotated[float, between(-1, 1)], "-1", [2]),
        (
            Annotated[float | Schedule, WithinLimits(at_least(0))],
            {"from": 1, "to": "0", "over": "3"},
            [-1, {"from": 1}],
        ),
        (Annotated[float | Schedule, WithinLimits(above(0))], 1, [{"from": 1, "to": 0, "over": 3}, {0: 1, 5: 0}]),
    ]:
        adapter = TypeAdapter(annotation)
        adapter.validate_python(right)
        for each in wrong:
            with pytest.raises(ValidationError):
                adapter.validate_python(each)
    assert TypeAdapter(Annotated[int, Converted(len)]).validate_python("four") == 4


def test_help_shows_the_range() -> None:
    assert ">= 0" in str(inspect.signature(R1)) and "FieldInfo" not in str(inspect.signature(R1))
