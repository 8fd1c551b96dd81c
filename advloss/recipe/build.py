"""From a checked recipe to its objects: method, terms, metrics. Shapes are tried out on the meta device first."""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from advloss.core.errors import InputError
from advloss.data.degradations import Degradation
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import Wasserstein
from advloss.losses.adversarial.penalties import DRAGAN, R1, R2, GradientPenalty, LipschitzPenalty
from advloss.losses.adversarial.topk import TopK
from advloss.losses.adversarial.weighting import Weighting
from advloss.methods.base import Method
from advloss.recipe import components
from advloss.recipe.build_method import build_degradation, build_method, crop_sides, dry_run, shape_of
from advloss.recipe.schema import AdversarialOptions, Metric, Recipe
from advloss.recipe.schema import Term as TermLine
from advloss.recipe.terms import AdversarialTerm, Term

DTYPES = {"fp64": torch.float64}


@dataclass
class Built:
    """A recipe's objects. `shapes` are those of the method's tensors in a training batch."""

    recipe: Recipe
    method: Method
    terms: nn.ModuleDict
    weighting: Weighting
    metrics: dict[str, "BuiltMetric"]
    degradation: Degradation | None
    shapes: dict[str, tuple[int, ...]]

    @property
    def adversaries(self) -> dict[str, AdversarialTerm]:
        """The adversarial terms by name."""
        return {name: term for name, term in self.terms.items() if isinstance(term, AdversarialTerm)}


@dataclass
class BuiltMetric:
    """A measure between two named tensors of the validation images."""

    measure: nn.Module
    between: list[str]

    @property
    def higher_is_better(self) -> bool:
        return bool(self.measure.higher_is_better)


def build(recipe: Recipe) -> Built:
    """The objects of a checked recipe, with weights drawn from `recipe.seed`.

    Raises InputError for shapes that can't work together: place, both shapes, what to do.
    """
    torch.manual_seed(recipe.seed)
    method = build_method(recipe)
    smallest, largest = crop_sides(method, recipe).ends
    made = dry_run(method, recipe, largest)
    terms = nn.ModuleDict(
        {name: _term(line, f"losses.{name}", made) for name, line in recipe.losses.items() if line is not None}
    )
    for name, term in terms.items():
        _try_term(term, f"losses.{name}", made)
    if smallest != largest:
        at_first = dry_run(method, recipe, smallest)
        for name, term in terms.items():
            _try_term(term, f"losses.{name}", at_first)
    metrics = {name: _metric(line, f"metrics.{name}") for name, line in recipe.metrics.items() if line is not None}
    for name, metric in metrics.items():
        _try_metric(metric, f"metrics.{name}", made)
    dtype = DTYPES.get(recipe.train.precision, torch.float32)
    shapes = {name: tuple(tensor.shape) for name, tensor in made.items()}
    weighting = _weighting(recipe, method)
    _try_weighting(recipe, terms, made)
    degradation = build_degradation(recipe, method.scale)
    return Built(recipe, method.to(dtype), terms.to(dtype), weighting.to(dtype), metrics, degradation, shapes)


def _term(line: TermLine, place: str, made: Mapping[str, Tensor]) -> Term:
    if len(line.between) == 2:
        x, y = (made[name] for name in line.between)
        if x.shape != y.shape:
            raise InputError(
                f"{place}.between: {line.between[0]} is {shape_of(x)} and {line.between[1]} is {shape_of(y)}: "
                "they must have the same shape"
            )
    if line.loss != "adversarial":
        return Term(_made(place, components.LOSSES[line.loss], line.parameters), line.between, **_schedule(line))
    options = AdversarialOptions.model_validate(line.parameters)
    channels = made[line.between[0]].shape[1]
    if options.given:
        given = made[options.given]
        if given.shape[2:] != made[line.between[0]].shape[2:]:
            raise InputError(
                f"{place}.given: {options.given} is {shape_of(given)}, its height and width must be the image's"
            )
        channels += given.shape[1]
    loss = AdversarialLoss(
        _made(
            f"{place}.discriminator",
            components.DISCRIMINATORS[options.discriminator.name],
            {"in_channels": channels, **options.discriminator.parameters},
        ),
        objective=components.OBJECTIVES[options.objective.name](**options.objective.parameters),
        penalties=[components.PENALTIES[penalty.name](**penalty.parameters) for penalty in options.penalties],
        pool=options.pool,
        augment=[components.AUGMENTATIONS[one.name](**one.parameters) for one in options.augment],
        feature_matching=options.feature_matching,
        top_k=TopK(**options.top_k) if options.top_k is not None else None,
    )
    _warn_if_unbounded(loss, options.clip_weights is not None, place)
    learns = options.discriminator_start
    return AdversarialTerm(
        loss,
        line.between,
        given=options.given,
        discriminator_weight=options.discriminator_weight,
        discriminator_start=line.start if learns is None else learns,
        clip_weights=options.clip_weights,
        **_schedule(line),
    )


def _schedule(line: TermLine) -> dict[str, Any]:
    return {"weight": line.weight, "start": line.start, "ramp": line.ramp}


def _try_term(term: nn.Module, place: str, made: Mapping[str, Tensor]) -> None:
    """The term's value on the meta device, where an impossible size shows itself."""
    try:
        trial = copy.deepcopy(term).to("meta")
        trial(made)
        if isinstance(trial, AdversarialTerm):
            trial.discriminator_loss(made)
    except (InputError, RuntimeError, ValueError) as error:
        shapes = ", ".join(f"{name} {shape_of(made[name])}" for name in sorted(_needs(term)))
        raise InputError(f"{place}: can't be computed on {shapes}: {error}") from None


def _weighting(recipe: Recipe, method: Method) -> Weighting:
    weights = {name: line.weight for name, line in recipe.losses.items() if line is not None}
    parameters = {name: value for name, value in recipe.weighting.parameters.items() if name != "at"}
    weighting = components.WEIGHTINGS[recipe.weighting.name](weights, **parameters)
    if weighting.compared_at == "last_layer" and method.last_layer is None:
        raise InputError(
            f"weighting: '{recipe.weighting.name}' compares gradients at the generator's last layer, and "
            f"{recipe.method.name} with these networks has none; use weighting=fixed or a balancer"
        )
    return weighting


def _try_weighting(recipe: Recipe, terms: nn.ModuleDict, made: Mapping[str, Tensor]) -> None:
    """InputError if the gradients that a balancer compares are none: a term does not depend on the tensor `at`."""
    at = recipe.weighting.parameters.get("at")
    if at is None:
        return
    apart = [name for name, term in terms.items() if not any(_depends(made[one], made[at]) for one in _needs(term))]
    if apart:
        raise InputError(
            f"weighting.at: {', '.join(apart)} do not depend on {at}, so they have no gradient there to balance; "
            "name a tensor that all terms depend on, or use weighting=fixed"
        )


def _depends(tensor: Tensor, on: Tensor) -> bool:
    if tensor is on:
        return on.requires_grad
    if not (tensor.requires_grad and on.requires_grad):
        return False
    return torch.autograd.grad(tensor.sum(), on, retain_graph=True, allow_unused=True)[0] is not None


def _warn_if_unbounded(loss: AdversarialLoss, clipped: bool, place: str) -> None:
    """A Wasserstein critic estimates a distance only if something holds its slope."""
    held = (GradientPenalty, LipschitzPenalty, DRAGAN, R1, R2)
    if not isinstance(loss.objective, Wasserstein) or clipped or any(isinstance(p, held) for p in loss.penalties):
        return
    if not any(is_parametrized(module) for module in loss.discriminator.modules()):
        warnings.warn(
            f"{place}: nothing holds the slope of its wasserstein critic, which then grows without bound; add "
            "penalties=[wgan_gp], clip_weights=0.01 or a discriminator with spectral_norm",
            stacklevel=2,
        )


def _metric(line: Metric, place: str) -> BuiltMetric:
    return BuiltMetric(_made(place, components.METRICS[line.metric], line.parameters), line.between)


def _try_metric(metric: BuiltMetric, place: str, made: Mapping[str, Tensor]) -> None:
    """The metric of two black images, so that an impossible size does not wait for the first validation."""
    pair = [torch.zeros(1, *made[name.removeprefix("partner_")].shape[1:]) for name in metric.between]
    try:
        copy.deepcopy(metric.measure)(*pair)
    except (InputError, RuntimeError, ValueError) as error:
        raise InputError(f"{place}: can't be computed on images of {shape_of(pair[0])}: {error}") from None


def _made(place: str, cls: Any, parameters: dict[str, Any]) -> nn.Module:
    try:
        module: nn.Module = cls(**parameters)
    except InputError as error:
        said = str(error).replace("losses.NAME=null", f"{place}=null")  # a loss does not know its name
        raise InputError(f"{place}: {said}") from None
    return module


def _needs(term: nn.Module) -> set[str]:
    assert isinstance(term, Term)
    return term.needs
