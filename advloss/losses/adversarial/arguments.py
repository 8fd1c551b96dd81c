"""Checks the arguments of `AdversarialLoss`, and raises InputError with a sentence about each mistake."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from advloss.core.errors import InputError, unknown
from advloss.losses.adversarial.augmentations import ADA, Augmentation
from advloss.losses.adversarial.objectives import Halves, Objective, Wasserstein, get_objective
from advloss.losses.adversarial.objectives.halves import SIDES, judging
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.losses.adversarial.stabilisers.feature_matching import Matching
from advloss.losses.checks import check_batch, check_same_shape

T = TypeVar("T")


def check_discriminator(discriminator: Any) -> None:
    """Raises InputError unless it is a module."""
    if not isinstance(discriminator, nn.Module):
        raise InputError(f"discriminator is a {type(discriminator).__name__}; it must be an nn.Module")


def as_objective(objective: Any) -> Objective:
    """The objective, from an instance, its name, or a mapping of both sides to such."""
    if isinstance(objective, Mapping):
        if objective.keys() != set(SIDES):
            raise InputError(
                f"objective says {', '.join(map(str, objective)) or 'nothing'}; one for each side is "
                "{'generator': ..., 'discriminator': ...}"
            )
        return Halves(**{side: as_objective(half) for side, half in objective.items()})
    if isinstance(objective, str):
        return get_objective(objective)
    if not isinstance(objective, Objective):
        raise InputError(f"objective is {_what(objective)}; it takes a name such as 'hinge', or an instance: Hinge()")
    return objective


def as_penalties(penalties: Any) -> list[nn.Module]:
    """The penalties as a list. A single penalty becomes a list of one."""
    single = isinstance(penalties, str | type | nn.Module) and not isinstance(penalties, nn.ModuleList)
    penalties = [penalties] if single else list(penalties)
    for each in penalties:
        if isinstance(each, str) and each not in PENALTIES:
            raise InputError(f"penalties: {unknown('penalty', each, PENALTIES)}; give an instance, such as R1()")
        if not isinstance(each, nn.Module):
            kind = PENALTIES[each] if isinstance(each, str) else each
            name = kind.__name__ if isinstance(kind, type) else "R1"
            raise InputError(f"penalties holds {_what(each)}; give an instance: {name}()")
    return penalties


def _what(thing: Any) -> str:
    if isinstance(thing, str):
        return f"the name '{thing}'"
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def as_augmentations(augment: Any) -> list[Augmentation]:
    """The augmentations as a list. A single augmentation becomes a list of one."""
    augment = [augment] if isinstance(augment, nn.Module) and not isinstance(augment, nn.ModuleList) else list(augment)
    for each in augment:
        if not isinstance(each, Augmentation):
            raise InputError(
                f"augment holds a {type(each).__name__}; it takes augmentations such as DiffAugment, "
                "or a subclass of Augmentation that draws your own"
            )
    return augment


def as_part(name: str, part: Any, kind: type[T], example: str) -> T | None:
    """The part, or None; raises InputError for anything but one of its kind. example: of how to make one."""
    if part is not None and not isinstance(part, kind):
        raise InputError(f"{name} is a {type(part).__name__}; give a {kind.__name__}, such as {example}")
    return part


def check_unroll(pool: int, penalties: nn.ModuleList, symmetric: bool, clip_weights: float | None) -> None:
    """Raises InputError for what the looked-ahead steps of `Unroll` would leave out."""
    wrong = {
        "pool": (pool, "they are on the fakes of now, and a pool shows older ones"),
        "penalties": (len(penalties), "they are on the objective alone"),
        "clip_weights": (clip_weights, "they clip nothing"),
        "symmetric": (symmetric, "the real images are data in them"),
    }
    for name, (given, why) in wrong.items():
        if given:
            raise InputError(f"unroll looks some of the discriminator's steps ahead, and {why}; leave out {name}")


def check_matching(matching: str, weight: Any, objective: Objective, *, symmetric: bool, top_k: Any) -> None:
    """Raises InputError for another `matching`, and where `means` meets an option that it leaves without effect."""
    if matching not in get_args(Matching):
        raise InputError(unknown("matching", matching, get_args(Matching)))
    if matching == "maps":
        return
    if not weight:
        raise InputError("matching=means is the generator's whole loss, and it has no weight: say feature_matching=1")
    halves = isinstance(objective, Halves)
    for name, given in (("objective.generator", halves), ("symmetric", symmetric), ("top_k", top_k)):
        if given:
            raise InputError(f"{name} changes the generator's objective, which matching=means replaces; leave one out")


def check_no_penalties_of_images(penalties: Iterable[nn.Module], pool: int) -> None:
    """Raises InputError for a penalty of images with a pool (its size) of labelled fakes."""
    names = [type(penalty).__name__ for penalty in penalties if not getattr(penalty, "on_logits", False)]
    if names and pool:
        raise InputError(
            f"{', '.join(names)} with a pool and labels: a fake of the pool is of another class than the real image at "
            "its place, and the penalty takes one label for both; leave the pool or the penalty out"
        )


def check_objective(
    objective: Objective,
    discriminator: nn.Module,
    penalties: nn.ModuleList,
    symmetric: bool,
    clip_weights: float | None,
) -> None:
    """Raises InputError for an objective and a discriminator that do not go together; warns of a critic without a
    bound, and of batch norm with penalties at single samples."""
    _check_energies(objective, discriminator, symmetric)
    _warn_of_no_bound(objective, discriminator, penalties, clip_weights)
    _warn_of_batch_norm(penalties, discriminator)


def _check_energies(objective: Objective, discriminator: nn.Module, symmetric: bool) -> None:
    """Raises InputError if the discriminator gives energies and the objective takes logits.

    If the objective takes energies and the discriminator does not declare them, it warns, since any module may give
    energies.
    """
    name = type(judging(objective)).__name__
    gives_energy = getattr(discriminator, "energy", False)
    if gives_energy and not objective.energy:
        raise InputError(
            f"{type(discriminator).__name__} gives energies, low for what looks real, and {name} takes logits: "
            "use the objective ebgan, or a discriminator of logits"
        )
    if symmetric and objective.energy:
        raise InputError(f"symmetric: {name} has energies, which can't be mirrored; use an objective of logits")
    if objective.energy and not gives_energy:
        warnings.warn(
            f"{name} takes energies, at least 0, and {type(discriminator).__name__} does not declare that it gives "
            "such: its loss may fall without bound. Use AutoencoderDiscriminator, or set `energy = True` on a "
            "discriminator of your own",
            stacklevel=4,
        )


def _warn_of_no_bound(
    objective: Objective, discriminator: nn.Module, penalties: Iterable[nn.Module], clip_weights: float | None
) -> None:
    """Warns of a Wasserstein critic whose slope neither a penalty on its gradient, clipping nor spectral norm holds."""
    held = clip_weights is not None or any(getattr(penalty, "per_sample", False) for penalty in penalties)
    if not isinstance(judging(objective), Wasserstein) or held:
        return
    normed = (is_parametrized(m) or hasattr(m, "weight_u") for m in discriminator.modules())  # torch's new and old form
    if not any(normed):
        warnings.warn(
            "nothing here holds the slope of the wasserstein critic, which then grows without bound: give it "
            "penalties=[wgan_gp] (in Python penalties=[GradientPenalty()]), clip_weights=0.01 or a discriminator with "
            "spectral norm",
            stacklevel=4,
        )


def set_thresholds(objective: Objective, augment: Iterable[nn.Module]) -> None:
    """Sets ADA's threshold to the objective's boundary, unless it has a threshold.

    Raises InputError if there is neither.
    """
    for augmentation in augment:
        if not isinstance(augmentation, ADA) or augmentation.target is None:
            continue
        if augmentation.threshold is None:
            augmentation.threshold = objective.at(0).boundary
        if objective.energy or augmentation.threshold is None:
            name = type(judging(objective)).__name__
            given = "" if objective.energy else "give ADA(threshold=...), the logit between fake and real, or "
            raise InputError(
                f"ADA adapts to how many real images have a logit above a threshold, and {name} has no logit between "
                f"fake and real: {given}keep p as it is: ADA(target=None, p=...)"
            )


def _warn_of_batch_norm(penalties: Iterable[nn.Module], discriminator: nn.Module) -> None:
    """Warns of a penalty on the gradient at single samples if the discriminator has batch norm, which mixes samples."""
    norms = [name for name, module in discriminator.named_modules() if isinstance(module, _BatchNorm)]
    names = [type(penalty).__name__ for penalty in penalties if getattr(penalty, "per_sample", False)]
    if norms and names:
        warnings.warn(
            f"{', '.join(names)} takes the discriminator's gradient at single samples, and its batch norm "
            f"({', '.join(norms)}) mixes the samples of a batch: use another norm (instance, layer) or none",
            stacklevel=4,
        )


def check_images(fake: Tensor, real: Tensor | None, given: Tensor | None) -> None:
    """Raises InputError unless they are batches of matching shapes."""
    check_batch(fake, "fake")
    if real is not None:
        check_batch(real, "real")
        check_same_shape(fake, real, ("fake", "real"))
    if given is not None:
        check_batch(given, "given")
        if given.ndim != fake.ndim or given.shape[:1] + given.shape[2:] != fake.shape[:1] + fake.shape[2:]:
            raise InputError(
                f"given has shape {tuple(given.shape)} and the image {tuple(fake.shape)}; "
                "only their channels, axis 1, may differ"
            )
