"""Ranges of parameters, written as annotations: `Annotated[float, at_least(0)]`.

Recipes are checked against them by pydantic, which this module does not import: a loss needs torch and numpy alone.
The same range checks a value that comes from Python: `at_least(0).check("weight", weight)`.
"""

from dataclasses import dataclass
from typing import Any

from advloss.core.errors import InputError


@dataclass(frozen=True)
class Limits:
    """A finite number within bounds. ge, gt: the least value, itself allowed or not; le, lt: the largest one."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __repr__(self) -> str:
        """`>= 0`, `> 0, <= 1`: what `help()` shows of a parameter."""
        bounds = {">=": self.ge, ">": self.gt, "<=": self.le, "<": self.lt}
        return ", ".join(f"{sign} {bound:g}" for sign, bound in bounds.items() if bound is not None)

    def check(self, name: str, value: float) -> None:
        """Raises InputError that names the parameter, its value and the range, unless the value is within."""
        inside = (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
            and abs(value) < float("inf")
        )
        if not inside:
            raise InputError(f"{name}={value}; it must be {self!r}")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """The schema of the annotated type, within these bounds."""
        schema = handler(source)
        schema |= {name: bound for name, bound in vars(self).items() if bound is not None}
        if schema["type"] == "float":
            schema["allow_inf_nan"] = False
        return schema


def at_least(bound: float) -> Limits:
    """value >= bound."""
    return Limits(ge=bound)


def above(bound: float) -> Limits:
    """value > bound."""
    return Limits(gt=bound)


def between(low: float, high: float) -> Limits:
    """low <= value <= high."""
    return Limits(ge=low, le=high)
