"""Trials of a recipe's objects before the training: each term and metric is computed once on shapes alone."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Label
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.sets.measures import SetMeasure
from advloss.losses.value import Value
from advloss.methods.base import Method
from advloss.recipe.build_method import declared_fields, dry_run, shape_of, training_batch
from advloss.recipe.formats import formats_of
from advloss.recipe.schema import Recipe
from advloss.recipe.tensors import flattened, several, taken
from advloss.recipe.terms import GENERATOR, Term


def try_term(term: Term, place: str, made: Mapping[str, Tensor]) -> None:
    """Computes the term on the meta device. Raises InputError if that fails, for example if an image is too small; and
    if nothing that its player trains gets a gradient from it."""
    try:
        trial = copy.deepcopy(term).to("meta")
        value = trial(made if term.player == GENERATOR else _detached(made))
        _check_scalar(value)
        if trial.two_sided:
            _check_scalar(trial.discriminator_loss(made))
    except (InputError, RuntimeError, TypeError, ValueError) as error:
        shapes = ", ".join(f"{name} {shape_of(taken(made, name))}" for name in sorted(term.needs))
        raise InputError(f"{place}: can't be computed on {shapes}: {error}") from None
    _check_trains(term, place, made, value)


def _check_trains(term: Term, place: str, made: Mapping[str, Tensor], value: Tensor) -> None:
    """Raises InputError if the term's value has no gradient for its player, and for a game whose sides are exchanged or
    not both made. value: of the term."""
    real = [name for name in term.between if not any(x.requires_grad for x in several(taken(made, name)))]
    if isinstance(term.loss, AdversarialLoss):
        if term.loss.symmetric and real:
            raise InputError(
                f"{place}.symmetric: the generator makes both tensors of a symmetric game, and {' and '.join(real)} "
                "does not depend on it; leave symmetric out"
            )
        if term.between[0] in real and len(real) < len(term.between):
            turned = ", ".join(reversed(term.between))
            raise InputError(
                f"{place}.between: the image that the generator makes comes first, and {term.between[0]} does not "
                f"depend on it; say between=[{turned}]"
            )
    if not (value.requires_grad or isinstance(term.loss, Value)):  # a bottleneck may have no loss
        raise InputError(
            f"{place}: nothing that {term.player} trains changes it, since {', '.join(sorted(term.needs))} "
            f"{'do' if len(term.needs) > 1 else 'does'} not depend on {term.player}: it would train nothing; name "
            "another tensor, leave the term out, or measure it under metrics"
        )


def _detached(made: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in made.items()}


def _check_scalar(value: object) -> None:
    if not isinstance(value, Tensor):
        raise InputError(f"the loss gives {type(value).__name__}, not a tensor; is a return missing?")
    if value.numel() != 1:
        raise InputError(f"the loss gives {list(value.shape)}, not one number; take its mean")


def try_metric(measure: nn.Module, between: list[str], place: str, made: Mapping[str, Tensor]) -> None:
    """Computes the metric of black images. Raises InputError if that fails, for example if they are too small."""
    images = [torch.zeros(1, *made[name.removeprefix("partner_")].shape[1:]) for name in between]
    try:
        compute_once(measure, images)
    except (InputError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{place}: can't be computed on images of {shape_of(images[0])}: {error}") from None


def compute_once(measure: nn.Module, images: list[Tensor]) -> None:
    """Computes a metric of these images, or, if it is a measure of sets, the features of each of them."""
    if isinstance(measure, SetMeasure):
        for image in images:
            measure.seen(image)
    else:
        copy.deepcopy(measure)(*images)


def check_gives(method: Method, recipe: Recipe) -> None:
    """Raises InputError if the method declares a tensor that its forward does not give when it is wanted.

    A method may refuse to make a tensor that it does not have, such as a tokenizer a loss that its bottleneck lacks.
    """
    declared = set(method.tensors)
    try:
        made = dry_run(method, recipe, wanted=declared)
    except InputError:
        return
    absent = sorted(name for name in declared if name not in made and f"{name}.0" not in made)
    if absent:
        name = recipe.method.name
        raise InputError(
            f"method: '{name}' declares {', '.join(absent)} in `tensors`, and its forward does not give it"
        )


def try_labels(recipe: Recipe, method: Method, terms: Mapping[str, Term]) -> None:
    """Computes the method and the terms that take labels on the data's last class, with black images on the CPU.

    Raises InputError if that fails: the method or a loss knows fewer classes than the data has.
    """
    fields = declared_fields(recipe)
    labels = [name for name, field in fields.items() if isinstance(field, Label)]
    if not labels:
        return
    with torch.random.fork_rng(devices=[]):
        batch = _last_classes(method, recipe, fields)
        wanted = {name for term in terms.values() for name in term.needs}
        try:
            made = flattened(copy.deepcopy(method)(batch, wanted))
            for term in (each for each in terms.values() if each.needs & {*labels}):
                trial = copy.deepcopy(term)
                trial(made)
                if trial.two_sided:
                    trial.discriminator_loss(made)
        except (IndexError, RuntimeError, ValueError) as error:
            raise InputError(_too_many_classes(recipe, labels, error)) from None


def _last_classes(method: Method, recipe: Recipe, fields: Fields) -> dict[str, Tensor]:
    """Two samples of black images, with the number of the last class as the labels."""
    batch = {name: torch.zeros(x[:2].shape, dtype=x.dtype) for name, x in training_batch(method, recipe).items()}
    formats = formats_of(recipe.data, fields)
    for name in batch:
        if isinstance(fields[name], Label):
            batch[name] += len(formats[name].classes or ("0",)) - 1
    return batch


def _too_many_classes(recipe: Recipe, labels: list[str], error: Exception) -> str:
    formats, fields = formats_of(recipe.data, declared_fields(recipe)), declared_fields(recipe)
    said = []
    for name in labels:
        classes = formats[name].classes or ()
        paths = recipe.data.paths
        found = paths.get(name) or paths.get(fields[name].source)
        where = found[0] if found else recipe.data.name
        said.append(f"data.{name}: {where} has {len(classes)} classes, '{classes[0]}' to '{classes[-1]}'")
    known = recipe.method.parameters.get("classes")
    why = str(error).partition("\n")[0]
    instead = f"method.classes is {known}: say method.classes={len(classes)}" if known is not None else why
    return f"{'; '.join(said)}, and the last one can't be computed: {instead}"
