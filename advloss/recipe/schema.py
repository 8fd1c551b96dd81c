"""The schema of a recipe. Components (networks, losses, ...) are checked against their signatures in `resolve`."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import core_schema

from advloss.core.clock import Schedule, WithinLimits, plain_number
from advloss.core.limits import Limits, at_least
from advloss.data.fields import VAL
from advloss.images.picture import MOST_CHANNELS, Depth
from advloss.recipe.starting.initial import Initial
from advloss.recipe.terms import GENERATOR

Positive = Annotated[int, Field(gt=0)]


def _switch(value: Any) -> Any:
    """YAML reads a bare `on` as true."""
    return ("on" if value else "off") if isinstance(value, bool) else value


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)]
NotNegative = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """A section in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Component(BaseModel):
    """A class by its name in a table, and its parameters: `{name: resnet, blocks: 9}`, or the name alone."""

    model_config = ConfigDict(extra="allow")
    name: str

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the class, by name: all keys but `name`."""
        return dict(self.model_extra or {})


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Term(BaseModel):
    """One line under `losses`: a loss between named tensors, with a weight, and the player that minimises it.

    Further keys are the loss's parameters, the tensors that it takes by name (`given`), and for a loss with a
    discriminator those of `Sides`.
    """

    model_config = ConfigDict(extra="allow")
    loss: str
    between: Annotated[list[str], Field(min_length=1), BeforeValidator(_names)]
    weight: Annotated[float | Schedule, WithinLimits(at_least(0))] = 1.0
    start: NotNegative = 0
    ramp: NotNegative = 0
    player: str = GENERATOR

    @property
    def parameters(self) -> dict[str, Any]:
        """All keys but the ones above: see the class."""
        return dict(self.model_extra or {})


class Sides(Strict):
    """The settings that a term has in addition if its loss has a discriminator."""

    discriminator_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    discriminator_start: NotNegative | None = None


class Metric(BaseModel):
    """One line under `metrics`: a measure of named tensors of the validation images, mostly two."""

    model_config = ConfigDict(extra="allow")
    metric: str
    between: Annotated[list[str], Field(min_length=1), BeforeValidator(_names)]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the metric, by name: all keys but `metric` and `between`."""
        return dict(self.model_extra or {})


class _CropSides:
    """An annotation for a number of pixels, or a schedule of it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        def read(value: Any, number: Any) -> Any:
            if not isinstance(value, Schedule | Mapping):
                return number(value)
            schedule = Schedule.read(value)
            if min(schedule.bounds) < 1:
                raise ValueError(f"a crop of {min(schedule.bounds):g} pixels; it is at least 1")
            for side in schedule.bounds:
                if side % 1 != 0:
                    raise ValueError(f"a crop of {side:g} pixels; it is a whole number")
            return schedule

        return core_schema.no_info_wrap_validator_function(
            read,
            core_schema.int_schema(gt=0),
            serialization=core_schema.plain_serializer_function_ser_schema(plain_number),
        )


def _by_field(check: Callable[[Any], Any]) -> BeforeValidator:
    """One value for all fields, or a mapping of values by field's name, each checked."""

    def read(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): check(each) for name, each in value.items()}
        return None if value is None else check(value)

    return BeforeValidator(read)


def _channels(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal() or not 1 <= int(value) <= MOST_CHANNELS:
        raise ValueError(f"'{value}' is no number of channels; it is 1 to {MOST_CHANNELS}")
    return int(value)


def _depth(value: Any) -> Depth:
    depths: dict[str, Depth] = {"8": 8, "16": 16, "float": "float"}
    if str(value) not in depths:
        raise ValueError(f"'{value}' is no depth; it is 8, 16 or float")
    return depths[str(value)]


def _range(value: Any) -> tuple[float, float]:
    try:
        low, high = (float(each) for each in value)
    except (TypeError, ValueError):
        raise ValueError(f"'{value}' is no range; it is two numbers, such as [0, 1]") from None
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"[{low:g}, {high:g}] is no range; the first number is less than the second")
    return low, high


class Data(BaseModel):
    """Which images are used, and how they are prepared for the networks.

    Further keys are names of the method's fields and sources, each with a folder, a list of folders or a file, and the
    same names after `val_`, to validate on; `resolve` checks them.
    """

    model_config = ConfigDict(extra="allow")
    name: str | None = None
    val: Path | None = None
    direction: Literal["a2b", "b2a"] = "a2b"
    channels: Annotated[int | dict[str, int] | None, _by_field(_channels)] = None
    depth: Annotated[Depth | dict[str, Depth] | None, _by_field(_depth)] = None
    range: Annotated[tuple[float, float] | dict[str, tuple[float, float]] | None, _by_field(_range)] = None
    classes: dict[str, list[str]] | None = None
    sizes: dict[str, int] | None = None
    resize: Literal["stretch", "shorter", "none"] = "stretch"
    load: Positive = 286
    crop: Annotated[int | Schedule, _CropSides()] = 256
    flip: bool = True
    rotate: bool = False
    degradation: Component | None = None
    augment: list[dict[str, Any]] | None = None
    batch: Positive = 1
    workers: NotNegative = 0
    memory: Literal["auto", "device", "on", "off"] = "auto"

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The folders and files to train on, by the name of a field or source."""
        return {name: where for name, where in self._all_paths.items() if not name.startswith(VAL)}

    @property
    def val_paths(self) -> dict[str, list[Path]]:
        """The folders and files to validate on, by the name of a field or source: `val_a` for `a`."""
        return {name.removeprefix(VAL): where for name, where in self._all_paths.items() if name.startswith(VAL)}

    @property
    def _all_paths(self) -> dict[str, list[Path]]:
        given = {name: value for name, value in (self.model_extra or {}).items() if value is not None}
        return {name: [Path(one) for one in (v if isinstance(v, list) else [v])] for name, v in given.items()}

    @model_validator(mode="after")
    def _crop_fits(self) -> "Data":
        crop = max(self.crop.bounds) if isinstance(self.crop, Schedule) else self.crop
        if self.resize != "none" and crop > self.load:
            raise ValueError(f"crop ({crop:g}) is larger than load ({self.load}), the size it is cut from")
        return self


class Train(Strict):
    """How long to train, the steps of the players, the precision, how often to log, sample and save, and where to show
    it."""

    epochs: Positive | None = None
    iterations: Positive | None = None
    steps: Annotated[dict[str, Positive], Field(min_length=1)] | None = None
    accumulate: Positive = 1
    freeze: Annotated[list[str], BeforeValidator(_names)] = []
    clip: Annotated[float, Field(gt=0)] | None = None
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16", "fp64"] = "auto"
    compile: Switch = "auto"
    graphs: Switch = "auto"
    executor: str = "auto"
    threads: Positive | None = None
    average: Annotated[float | Schedule, WithinLimits(Limits(gt=0, lt=1))] | None = None
    average_half_life: Annotated[float | Schedule, WithinLimits(at_least(0))] | None = None
    log_every: Positive = 20
    doctor: bool = True
    on_nan: Literal["stop", "rollback"] = "stop"
    rollbacks: Positive = 3
    gradient_shares_every: Positive | None = None
    sample_every: Positive = 500
    validate_every: Positive = 1000
    checkpoint_every: Positive = 1000
    tracker: Literal["tensorboard", "wandb", "none"] = "tensorboard"

    @model_validator(mode="before")
    @classmethod
    def _of_now(cls, values: Any) -> Any:
        if isinstance(values, dict) and {"order", "discriminator_steps"} & values.keys():
            steps = steps_of_order(values.get("order"), values.get("discriminator_steps"))
            said = ", ".join(f"{name}: {count}" for name, count in steps.items())
            raise ValueError(f"order and discriminator_steps are no more; write steps: {{{said}}} in their place")
        return values

    @model_validator(mode="after")
    def _has_an_end(self) -> "Train":
        if self.epochs is None and self.iterations is None:
            raise ValueError("says no end: set epochs or iterations")
        if self.average is not None and self.average_half_life is not None:
            raise ValueError("average and average_half_life say the same in two ways; set one of them to null")
        return self


def steps_of_order(order: str | None, discriminator_steps: Any) -> dict[str, Any]:
    """`train.steps` from the two keys that older recipes have: which player is first, and the discriminator's steps."""
    steps = {"discriminator": discriminator_steps or 1, "generator": 1}
    alone = str(steps["discriminator"]) == "1"
    return dict(reversed(steps.items())) if alone and order != "discriminator_first" else steps


class Recipe(Strict):
    """A whole recipe. `resolve` makes one from YAML, with every component's parameters checked and completed."""

    method: Component
    networks: dict[str, Component]
    losses: dict[str, Term | None]
    weighting: Component = Component(name="fixed")
    data: Data = Data()
    optimizer: Component
    schedule: Component = Component(name="constant")
    train: Train
    metrics: dict[str, Metric | None] = {}
    samples: list[str] = []
    initial: Initial | None = None
    seed: NotNegative = 0

    def plain(self) -> dict[str, Any]:
        """The recipe as nested plain values, from which the same recipe can be made."""
        plain: dict[str, Any] = plain_value(self)
        return plain


def plain_value(value: Any) -> Any:
    """A value of a recipe as YAML and JSON hold it: mappings, lists, text, numbers."""
    if isinstance(value, BaseModel):
        return plain_value(
            {**{name: getattr(value, name) for name in type(value).model_fields}, **(value.model_extra or {})}
        )
    if isinstance(value, dict):
        return {name: plain_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    if isinstance(value, Schedule):
        return value.plain()
    return str(value) if isinstance(value, Path) else value
