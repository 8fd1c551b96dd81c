"""Ranges of parameters, written as annotations: `Annotated[float, at_least(0)]`.

Recipes are checked against them by pydantic, which this module does not import: a loss needs torch and numpy alone.
The same range checks a value that comes from Python: `at_least(0).check("weight", weight)`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

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
        try:
            inside = (
                (self.ge is None or value >= self.ge)
                and (self.gt is None or value > self.gt)
                and (self.le is None or value <= self.le)
                and (self.lt is None or value < self.lt)
                and abs(value) < float("inf")
            )
        except TypeError:  # no number
            inside = False
        if not inside:
            words = {"at least": self.ge, "above": self.gt, "at most": self.le, "less than": self.lt}
            range_ = " and ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)
            raise InputError(f"{name}={value} must be {range_ or 'a finite number'}")

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


@dataclass(frozen=True)
class Converted:
    """Marks a parameter whose value in a recipe is converted before it is checked: `Annotated[int, Converted(f)]`."""

    function: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # late: a loss needs torch and numpy alone

        return core_schema.no_info_before_validator_function(self.function, handler(source))


def check_limits(owner: object, **values: Any) -> None:
    """Raises InputError for the first value that is outside the range which its parameter is annotated with.

    owner: the object whose constructor has these parameters; values: by their names. None is within any range.
    """
    for name, value in values.items():
        for marker in _markers(type(owner), name):  # type: ignore[arg-type]  # a class is hashable
            if value is not None:
                marker.check(f"{type(owner).__name__}: {name}", value)


@cache
def _markers(owner: type, name: str) -> list[Any]:
    """The limits of a constructor's parameter, of the class nearest to `owner` that annotates it with any."""
    for cls in owner.__mro__:
        annotations = getattr(vars(cls).get("__init__"), "__annotations__", {})
        found = list(_within(annotations[name])) if name in annotations else []
        if found:
            return found
    return []


def _within(annotation: Any) -> Iterator[Any]:
    """The limits of a number within an annotation such as `Annotated[float, at_least(0)] | None`."""
    if get_origin(annotation) is Annotated:
        yield from (marker for marker in annotation.__metadata__ if hasattr(marker, "check"))
    else:
        for inner in get_args(annotation):
            yield from _within(inner)
