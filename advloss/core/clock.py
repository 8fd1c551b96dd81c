"""The clock of a training: numbers that change over time, and who follows them.

A component says of a number that it may change over time by annotating it with `scheduled(...)`; a recipe or a user may
then give a `Schedule` in its place. Nothing counts for itself: each component reads the iteration from its `clock`,
which is the training's. In a loop of a user's own the outermost component keeps the clock: `AdversarialLoss` for all
its parts, a penalty that is used alone for itself.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import torch
from torch import nn

from advloss.core.errors import InputError, unknown
from advloss.core.limits import Limits

Shape = Literal["linear", "cosine", "exponential", "logistic"]


@dataclass(frozen=True)
class Schedule:
    """A number as a function of the iteration (from 0): from one value to another, or by steps.

        Schedule(10, 1, over=10000, shape="cosine")       # a recipe: {from: 10, to: 1, over: 10000, shape: cosine}
        Schedule.steps({0: 64, 10000: 128})               # a recipe: {0: 64, 10000: 128}

    first, last: the values before and after. over: in iterations, how long the change takes. after: the iteration that
    it begins at. shape: `linear`; `cosine`, half a period; `exponential`, by the same factor in each iteration, between
    values above 0; `logistic`, the share 2 / (1 + exp(-10 p)) - 1 of the change after the part p of its time, fast at
    first (Ganin et al. 2016, arXiv:1505.07818, sec. 5.2.2). values: of steps, (iteration, value from there on), the
    first at 0.

    Raises InputError for a negative length or place, an unknown shape, and values that an exponential can't join.
    """

    first: float = 0.0
    last: float = 0.0
    over: int = 0
    shape: Shape = "linear"
    after: int = 0
    values: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise InputError(f"shape: {unknown('shape', str(self.shape), get_args(Shape))}")
        if self.over < 0 or self.after < 0:
            raise InputError(f"over={self.over}, after={self.after}; they are numbers of iterations, at least 0")
        if self.shape == "exponential" and not min(self.first, self.last) > 0:
            raise InputError(f"from={self.first}, to={self.last}; an exponential goes between numbers above 0")
        places = [place for place, _ in self.values]
        if places and (places[0] != 0 or places != sorted(set(places))):
            raise InputError(f"steps at iterations {places}; they begin at 0 and grow")

    @classmethod
    def steps(cls, values: Mapping[int, float]) -> "Schedule":
        """Each value from its iteration on."""
        return cls(values=tuple(sorted((int(place), value) for place, value in values.items())))

    def at(self, iteration: int) -> float:
        """The value in an iteration (from 0)."""
        if self.values:
            return [value for place, value in self.values if place <= iteration][-1]
        done = 1.0 if self.over == 0 else min(1.0, (iteration - self.after) / self.over)
        if iteration < self.after or done <= 0:
            return self.first
        if self.shape == "exponential":
            return self.first * (self.last / self.first) ** done
        share = done
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * done)) / 2
        elif self.shape == "logistic":
            share = 2 / (1 + math.exp(-10 * done)) - 1
        return self.last if done == 1 else self.first + (self.last - self.first) * share

    @property
    def bounds(self) -> tuple[float, ...]:
        """The values between which all others lie."""
        return tuple(value for _, value in self.values) or (self.first, self.last)

    @classmethod
    def read(cls, value: Any) -> "Schedule":
        """The schedule that a recipe's mapping describes. Raises InputError for another mapping."""
        if isinstance(value, Schedule):
            return value
        if not isinstance(value, Mapping) or not value:
            raise InputError(
                "a schedule is a mapping: {from: 10, to: 1, over: 10000, shape: cosine} or {0: 64, 500: 128}"
            )
        if all(str(key).isdecimal() for key in value):
            return cls.steps({int(key): _number(each, key) for key, each in value.items()})
        known = {"from": "first", "to": "last", "over": "over", "shape": "shape", "after": "after"}
        for key in value:
            if key not in known:
                raise InputError(unknown("key of a schedule", str(key), known))
        missing = [key for key in ("from", "to", "over") if key not in value]
        if missing:
            raise InputError(f"a schedule needs from, to and over; {', '.join(missing)} is missing")
        kinds = {"from": float, "to": float, "over": int, "after": int, "shape": str}
        for key in ("over", "after"):
            if isinstance(value.get(key), float) and value[key] % 1 != 0:
                raise InputError(f"{key} of a schedule is a whole number of iterations, not {value[key]}")
        try:
            return cls(**{known[key]: kinds[key](each) for key, each in value.items()})
        except (TypeError, ValueError) as error:
            raise InputError(str(error)) from None

    def plain(self) -> dict[Any, Any]:
        """What `read` makes the same schedule of."""
        if self.values:
            return {str(place): value for place, value in self.values}
        return {"from": self.first, "to": self.last, "over": self.over, "shape": self.shape, "after": self.after}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # late: a loss needs torch and numpy alone

        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(cls.plain)
        )


def _number(value: Any, place: Any) -> float:
    """The value of a schedule's step as a number; YAML reads 1e-3 as text. Raises InputError for anything else."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    raise InputError(f"a schedule's value is a number, not {value!r} (from iteration {place} on)")


@dataclass(frozen=True)
class WithinLimits:
    """Marks a number, or a schedule of it, whose values are within `limits`."""

    limits: Limits

    def __repr__(self) -> str:
        return repr(self.limits)

    def check(self, name: str, number: "float | Schedule") -> None:
        """Raises InputError that names the parameter, unless all of its values are within the limits."""
        for value in number.bounds if isinstance(number, Schedule) else (number,):
            self.limits.check(name, value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def read(value: Any, number: Any) -> Any:
            if not isinstance(value, Schedule | Mapping):
                return number(value)
            schedule = Schedule.read(value)
            self.check("a value of the schedule", schedule)
            return schedule

        bounds = {name: bound for name, bound in vars(self.limits).items() if bound is not None}
        return core_schema.no_info_wrap_validator_function(
            read,
            core_schema.float_schema(allow_inf_nan=False, **bounds),
            serialization=core_schema.plain_serializer_function_ser_schema(plain_number),
        )


def plain_number(number: Any) -> Any:
    """A number, or the mapping that a recipe writes for its schedule."""
    return number.plain() if isinstance(number, Schedule) else number


def scheduled(limits: Limits | None = None) -> Any:
    """The annotation of a number that may change over time: `weight: scheduled(at_least(0)) = 10.0`."""
    return Annotated[float | Schedule, WithinLimits(limits or Limits())]


class Clock:
    """iteration: how many iterations are over. keeper: the component that moves it on, or None if a training does."""

    def __init__(self, keeper: object = None) -> None:
        self.iteration = 0
        self.keeper = keeper

    def tick(self, part: object) -> None:
        """To be called by a component after each of its own steps: only the keeper's moves the clock on."""
        if self.keeper is not part:
            return
        if torch.compiler.is_compiling():  # as a number of the graph it would be compiled anew in each iteration
            torch.compiler.disable(self._tick)()
        else:
            self._tick()

    def _tick(self) -> None:
        self.iteration += 1


class Timed:
    """What follows the clock. A subclass reads its scheduled numbers by `now`, and calls `self.clock.tick(self)` after
    each of its own steps in training mode, which counts where it is used alone."""

    clock: Clock

    def now(self, number: float | Schedule) -> float:
        """The value of a number in this iteration."""
        return number.at(self.clock.iteration) if isinstance(number, Schedule) else number

    @property
    def changes(self) -> bool:
        """Whether a number of it follows a schedule."""
        return any(isinstance(value, Schedule) for value in vars(self).values())

    def phase(self, iteration: int) -> Hashable:
        """What Python decides in an iteration: the same value for the same work; None where only Python can do it.

        CUDA graphs play an iteration again where all phases are as they were. By default: the scheduled numbers.
        """
        numbers = (value for value in vars(self).values() if isinstance(value, Schedule))
        return tuple(number.at(iteration) for number in numbers)


class TimedModule(nn.Module, Timed):
    """A module that follows a clock. Used alone it keeps its own, whose iteration is then in its state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(keeper=self)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.clock.keeper is self and self.clock.iteration:  # so that a model at inference has no such entry
            destination[f"{prefix}iteration"] = torch.tensor(self.clock.iteration)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        iteration = int(state_dict.pop(f"{prefix}iteration", 0))
        if self.clock.keeper is self:
            self.clock.iteration = iteration
        super()._load_from_state_dict(state_dict, prefix, *rest)


def timed(module: nn.Module) -> Iterator[Timed]:
    """Everything within a module that follows the clock, itself a module or held by one; each once."""
    seen: set[int] = set()
    for part in module.modules():
        for each in (part, *vars(part).values()):
            if isinstance(each, Timed) and id(each) not in seen:
                seen.add(id(each))
                yield each


def follow(module: nn.Module, clock: Clock) -> None:
    """Makes all that is timed within a module follow this clock."""
    for part in timed(module):
        part.clock = clock
