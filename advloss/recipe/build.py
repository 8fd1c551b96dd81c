"""Builds a checked recipe's objects: method, terms, metrics. A trial on the meta device checks the shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.memory import fitting
from advloss.data.degradations import Degradation
from advloss.losses.adversarial.weighting import Weighting
from advloss.losses.sets.measures import SetMeasure
from advloss.methods.base import Method
from advloss.methods.uses import check_abilities
from advloss.recipe import components
from advloss.recipe.build_method import (
    build_degradation,
    build_method,
    classes_of,
    crop_sides,
    declared_fields,
    dry_run,
    named_tensors,
    shape_of,
)
from advloss.recipe.checks.trial import check_gives, try_labels, try_metric, try_term
from advloss.recipe.optimizers import value_at
from advloss.recipe.players import players_of
from advloss.recipe.schema import Metric, Recipe, Sides
from advloss.recipe.schema import Term as TermLine
from advloss.recipe.signatures import make, tensor_parameters
from advloss.recipe.starting.freezing import freeze
from advloss.recipe.tensors import several, taken
from advloss.recipe.terms import GENERATOR, Term, by_name

DTYPES = {"fp64": torch.float64}


@dataclass
class Built:
    """A recipe's objects.

    players: the parameters that each player trains, by its name, in the order of their steps.
    shapes: of the method's tensors in a training batch, by name.
    frozen: how many parameters of each network are frozen.
    """

    recipe: Recipe
    method: Method
    terms: nn.ModuleDict
    players: dict[str, list[nn.Parameter]]
    weighting: Weighting
    metrics: dict[str, "BuiltMetric"]
    degradation: Degradation | None
    shapes: dict[str, tuple[int, ...]]
    frozen: dict[str, int] = field(default_factory=dict)

    @property
    def adversaries(self) -> dict[str, Term]:
        """The terms with a discriminator, by name."""
        return {name: term for name, term in by_name(self.terms).items() if term.two_sided}


@dataclass
class BuiltMetric:
    """A measure of named tensors of the validation images."""

    measure: nn.Module
    between: list[str]

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is better, as for PSNR; for LPIPS a smaller one is."""
        return bool(self.measure.higher_is_better)

    @property
    def sets(self) -> SetMeasure | None:
        """The measure, if it is of all images together, such as KID, and not of each by itself."""
        return self.measure if isinstance(self.measure, SetMeasure) else None


def build(recipe: Recipe) -> Built:
    """The objects of a checked recipe, with weights drawn from `recipe.seed`.

    Raises InputError for shapes that can't work together: place, both shapes, what to do.
    """
    torch.manual_seed(recipe.seed)
    with fitting("networks"):
        method = build_method(recipe)
    check_abilities(method, method.uses, declared_fields(recipe))
    check_gives(method, recipe)
    smallest, largest = crop_sides(method, recipe).ends
    made = dry_run(method, recipe, largest)
    lines = {name: line for name, line in recipe.losses.items() if line is not None}
    around = _Around(made, classes_of(recipe), getattr(method, "classifier", None))
    with fitting("losses"):
        terms = nn.ModuleDict({name: _term(line, f"losses.{name}", around) for name, line in lines.items()})
    frozen = freeze(recipe.train.freeze, method, by_name(terms))
    players = players_of(recipe.train.steps or {}, method, by_name(terms))
    for name, term in by_name(terms).items():
        try_term(term, f"losses.{name}", made)
    if smallest != largest:
        at_first = dry_run(method, recipe, smallest)
        for name, term in by_name(terms).items():
            try_term(term, f"losses.{name}", at_first)
    metrics = {name: _metric(line, f"metrics.{name}") for name, line in recipe.metrics.items() if line is not None}
    for name, metric in metrics.items():
        try_metric(metric.measure, metric.between, f"metrics.{name}", made)
    dtype = DTYPES.get(recipe.train.precision, torch.float32)
    shapes = {name: tuple(tensor.shape) for name, tensor in made.items()}
    weighting = _weighting(recipe, method)
    _try_weighting(recipe, terms, made)
    try_labels(recipe, method, by_name(terms))
    degradation = build_degradation(recipe, method.scale)
    method, terms, weighting = method.to(dtype), terms.to(dtype), weighting.to(dtype)
    return Built(recipe, method, terms, players, weighting, metrics, degradation, shapes, frozen)


@dataclass(frozen=True)
class _Around:
    """What a loss gets from the method. made: its tensors; classes: of each label; classifier: its network, or None."""

    made: Mapping[str, Tensor]
    classes: Mapping[str, int]
    classifier: nn.Module | None


def _term(line: TermLine, place: str, around: _Around) -> Term:
    """A term with its loss. The loss's channels and classes follow from the tensors that it compares."""
    loss = components.LOSSES[line.loss]
    parameters = line.parameters
    given = named_tensors(line)
    parameters = {key: value for key, value in parameters.items() if key not in tensor_parameters(loss)[1]}
    sides = {key: parameters.pop(key) for key in Sides.model_fields if key in parameters}
    _check_shapes(line, given, place, around.made)
    built = make(loss, parameters, place, _wired(line, given, around), components.PARTS)
    timing: dict[str, Any] = {"weight": line.weight, "start": line.start, "ramp": line.ramp}
    return Term(built, line.between, given=given, player=line.player, **timing, **sides)


def _wired(line: TermLine, given: Mapping[str, str], around: _Around) -> dict[str, Any]:
    """`in_channels` of a loss: of its first tensor plus those of the condition; for a tuple, of each of its tensors.

    `in_features`: all values of one item, for losses that take vectors. `classes`: of the label that it is given.
    `classifier`: the method's.
    """
    made = around.made
    known: dict[str, Any] = {"classifier": around.classifier}
    if given.get("label") in around.classes:
        known |= {"classes": around.classes[given["label"]]}
    first = taken(made, line.between[0])
    if not isinstance(first, Tensor):
        layers = tuple(tensor.shape[1] for tensor in first)
        return {"in_channels": layers, "in_features": layers, **known}
    compared = [first, *([made[given["given"]]] if "given" in given else [])]
    items = [tensor[0] for tensor in compared if tensor.ndim > 1]
    channels, features = sum(len(item) for item in items), sum(item.numel() for item in items)
    return {"in_channels": channels, "in_features": features, **known}


def _check_shapes(line: TermLine, given: Mapping[str, str], place: str, made: Mapping[str, Tensor]) -> None:
    """Raises InputError if the tensors that a loss compares have different shapes, or a condition another height or
    width."""
    first = line.between[0]
    shapes = {name: shape_of(taken(made, name)) for name in (*line.between, *given.values())}
    for name in line.between[1:] if getattr(components.LOSSES[line.loss], "partners", False) else ():
        if shapes[name] != shapes[first]:
            raise InputError(
                f"{place}.between: {first} is {shapes[first]} and {name} is {shapes[name]}: "
                "they must have the same shape"
            )
    if "given" in given and made[given["given"]].shape[2:] != made[first].shape[2:]:
        name = given["given"]
        raise InputError(f"{place}.given: {name} is {shapes[name]}, its height and width must be the image's")


def _weighting(recipe: Recipe, method: Method) -> Weighting:
    lines = {name: line for name, line in recipe.losses.items() if line is not None and line.player == GENERATOR}
    weights = {name: value_at(line.weight, 0) for name, line in lines.items()}
    parameters = {name: value for name, value in recipe.weighting.parameters.items() if name != "at"}
    weighting = components.WEIGHTINGS[recipe.weighting.name](weights, **parameters)
    if weighting.compared_at == "last_layer" and method.last_layer is None:
        raise InputError(
            f"weighting: '{recipe.weighting.name}' compares gradients at the generator's last layer, and "
            f"{recipe.method.name} with these networks has none; use weighting=fixed or a balancer"
        )
    if weighting.compared_at == "last_layer" and method.last_layer is not None and not method.last_layer.requires_grad:
        raise InputError(
            f"weighting: '{recipe.weighting.name}' compares gradients at the generator's last layer, which "
            "train.freeze freezes; use weighting=fixed, or freeze less"
        )
    return weighting


def _try_weighting(recipe: Recipe, terms: nn.ModuleDict, made: Mapping[str, Tensor]) -> None:
    """Raises InputError if a balancer can't compare gradients, since a term does not depend on the tensor `at`."""
    at = recipe.weighting.parameters.get("at")
    if at is None:
        return
    mine = {name: term for name, term in by_name(terms).items() if term.player == GENERATOR}
    apart = [name for name, term in mine.items() if not any(_depends(t, made[at]) for t in _all(term, made))]
    if apart:
        raise InputError(
            f"weighting.at: {', '.join(apart)} do not depend on {at}, so they have no gradient there to balance; "
            "name a tensor that all terms depend on, or use weighting=fixed"
        )


def _all(term: Term, made: Mapping[str, Tensor]) -> list[Tensor]:
    return [tensor for name in term.needs for tensor in several(taken(made, name))]


def _depends(tensor: Tensor, on: Tensor) -> bool:
    if tensor is on:
        return on.requires_grad
    if not (tensor.requires_grad and on.requires_grad):
        return False
    return torch.autograd.grad(tensor.sum(), on, retain_graph=True, allow_unused=True)[0] is not None


def _metric(line: Metric, place: str) -> BuiltMetric:
    return BuiltMetric(make(components.METRICS[line.metric], line.parameters, place), line.between)
