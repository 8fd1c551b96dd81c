"""What a recipe may say. Components (networks, losses, ...) are checked against their own signatures in `resolve`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.limits import Limits, at_least
from advloss.recipe.terms import GENERATOR

Positive = Annotated[int, Field(gt=0)]


def _switch(value: Any) -> Any:
    """YAML reads a bare `on` as true."""
    return ("on" if value else "off") if isinstance(value, bool) else value


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)]
NotNegative = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """Unknown keys are refused."""

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
        return dict(self.model_extra or {})


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Term(BaseModel):
    """One line under `losses`: a loss between named tensors, with a weight, and the player that minimises it.

    The rest are the loss's parameters, tensors that it takes by name (`given`), and `Sides` where it has two.
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
        return dict(self.model_extra or {})


class Sides(Strict):
    """What a term also says where its loss has a discriminator, which minimises a loss of its own."""

    discriminator_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    discriminator_start: NotNegative | None = None


class Metric(BaseModel):
    """One line under `metrics`: a measure between two named tensors of the validation images."""

    model_config = ConfigDict(extra="allow")
    metric: str
    between: Annotated[list[str], Field(min_length=2, max_length=2)]

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Data(Strict):
    """Which images, and what is done to them before a network sees them."""

    name: str | None = None
    a: Path | None = None
    b: Path | None = None
    val: Path | None = None
    direction: Literal["a2b", "b2a"] = "a2b"
    resize: Literal["stretch", "shorter", "none"] = "stretch"
    load: Positive = 286
    crop: Positive = 256
    flip: bool = True
    rotate: bool = False
    degradation: Component | None = None
    augment: list[dict[str, Any]] | None = None
    batch: Positive = 1
    workers: NotNegative = 0
    memory: Literal["auto", "device", "on", "off"] = "auto"

    @model_validator(mode="after")
    def _crop_fits(self) -> "Data":
        if self.resize != "none" and self.crop > self.load:
            raise ValueError(f"crop ({self.crop}) is larger than load ({self.load}), the size it is cut from")
        return self


class Train(Strict):
    """How long, who steps when, how precisely, and how often something is written."""

    epochs: Positive | None = None
    iterations: Positive | None = None
    steps: Annotated[dict[str, Positive], Field(min_length=1)] | None = None
    accumulate: Positive = 1
    clip: Annotated[float, Field(gt=0)] | None = None
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16", "fp64"] = "auto"
    compile: Switch = "auto"
    graphs: Switch = "auto"
    executor: str = "auto"
    average: Annotated[float | Schedule, WithinLimits(Limits(gt=0, lt=1))] | None = None
    log_every: Positive = 20
    gradient_shares_every: Positive | None = None
    sample_every: Positive = 500
    validate_every: Positive = 1000
    checkpoint_every: Positive = 1000

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
        return self


def steps_of_order(order: str | None, discriminator_steps: Any) -> dict[str, Any]:
    """`train.steps` for the two keys that recipes had before it: who went first, and the discriminator's steps."""
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
    initial: Path | None = None
    seed: NotNegative = 0

    def plain(self) -> dict[str, Any]:
        """The recipe as nested plain values, which make the same recipe again."""
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
