"""Every number that a component calls schedulable takes a schedule in a recipe, and follows the training's clock."""

from typing import Any, get_args, get_type_hints

import pytest
import torch

from advloss.core.clock import Schedule, Timed, WithinLimits, timed
from advloss.losses.checks import InputCheck
from advloss.recipe import components
from advloss.recipe.build import build
from advloss.recipe.resolve import complete_recipe, resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.signatures import check_parameters
from advloss.recipe.text.source import read
from advloss.training.step import PlainStep

TABLES = {
    **components.PARTS,
    "loss": components.LOSSES,
    "optimizer": components.OPTIMIZERS,
    **components.NETWORKS,
    "generator": components.GENERATORS,
}
TINY = [
    "networks.generator={name: unet, levels: 2, width: 2, norm: instance, dropout: 0}",
    "losses.adversarial.discriminator={name: patchgan, width: 4, layers: 1, norm: instance}",
    "data.load=32",
    "data.crop=32",
]


def limits(hint: Any) -> list[WithinLimits]:
    """The limits of the schedulable numbers in an annotation."""
    own = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, WithinLimits)]
    return own + [each for inner in get_args(hint) for each in limits(inner)]


def schedulable() -> list[tuple[str, str, str, float, bool]]:
    """(kind, component, parameter, a value, whether it is one of a pair) of each schedulable number in the tables."""
    found = []
    for kind, table in TABLES.items():
        for name, component in table.items():
            function = component.__init__ if isinstance(component, type) else component
            for parameter, hint in get_type_hints(function, include_extras=True).items():
                marks = limits(hint)
                if marks:
                    most = marks[0].limits.le if marks[0].limits.le is not None else marks[0].limits.lt
                    found.append((kind, name, parameter, 0.5 if most is not None else 2.0, len(marks) > 1))
    return found


def test_the_numbers_that_must_be_schedulable_are() -> None:
    found = {(kind, name, parameter) for kind, name, parameter, *_ in schedulable()}
    penalties = {("penalty", name, "weight") for name in components.PENALTIES}
    objectives = {("objective", name, "real_label") for name in ("minimax", "non_saturating")}
    optimizers = {("optimizer", name, "lr") for name in components.OPTIMIZERS} | {("optimizer", "adam", "betas")}
    others = {
        ("augmentation", "ada", "p"),
        ("augmentation", "diffaugment", "p"),
        ("augmentation", "noise", "std"),
        ("top_k", "top_k", "fraction"),
        ("loss", "adversarial", "feature_matching"),
        ("bottleneck", "gumbel", "temperature"),
    }
    assert penalties | objectives | optimizers | others <= found


@pytest.mark.parametrize(("kind", "name", "parameter", "value", "pair"), schedulable())
def test_a_recipe_takes_a_schedule(kind: str, name: str, parameter: str, value: float, pair: bool) -> None:
    component = TABLES[kind][name]
    schedule = {"from": value, "to": value / 2, "over": 10, "shape": "cosine"}
    given = frozenset(get_type_hints(component.__init__ if isinstance(component, type) else component)) - {parameter}
    written: Any = [schedule, schedule] if pair else schedule
    checked = check_parameters(f"'{name}'", component, {parameter: written}, kind, given)[parameter]
    first = checked[0] if pair else checked
    assert first == Schedule(value, value / 2, over=10, shape="cosine")


@pytest.mark.parametrize(
    "line",
    [
        "losses.adversarial.penalties=[{name: r1, weight: {from: 1, to: 9, over: 4}}]",
        "losses.adversarial.augment=[{name: noise, std: {from: 1, to: 9, over: 4}}]",
        "losses.adversarial.feature_matching={from: 1, to: 9, over: 4}",
        "losses.adversarial.top_k={fraction: {from: 1, to: 0.2, over: 4}}",
        "losses.adversarial.objective={name: non_saturating, real_label: {from: 1, to: 0.2, over: 4}}",
    ],
)
def test_a_part_follows_the_clock_of_the_training(line: str) -> None:
    source = read("pix2pix-small")
    for override in (*TINY, line):
        source.override(override)
    recipe = resolve(source)
    assert complete_recipe(Recipe.model_validate(recipe.plain())).plain() == recipe.plain()
    executor = PlainStep(build(recipe), torch.device("cpu"))
    parts = (part for part in timed(executor.terms) if isinstance(part, Timed) and not isinstance(part, InputCheck))
    (part,) = (part for part in parts if part.phase(0) != part.phase(2))
    phases = []
    for number in range(5):
        batch = {name: torch.rand(2, 3, 32, 32) * 2 - 1 for name in "ab"}
        executor.play([batch], number)
        phases.append(part.phase(part.clock.iteration))
        assert part.clock is executor.clock
    assert phases == [part.phase(number) for number in range(5)] and len(set(phases)) == 5
