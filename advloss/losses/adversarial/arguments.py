"""What `AdversarialLoss` is given, checked, so that a mistake stops with a sentence about it."""

from typing import Any

from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.losses.adversarial.augmentations import Augmentation
from advloss.losses.adversarial.objectives import Objective, get_objective
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.losses.checks import check_batch, check_same_shape


def as_objective(objective: Any) -> Objective:
    if isinstance(objective, str):
        return get_objective(objective)
    if not isinstance(objective, Objective):
        raise InputError(f"objective is {_what(objective)}; it takes a name such as 'hinge', or an instance: Hinge()")
    return objective


def as_penalties(penalties: Any) -> list[nn.Module]:
    """A single one is as good as a list."""
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
    augment = [augment] if isinstance(augment, nn.Module) and not isinstance(augment, nn.ModuleList) else list(augment)
    for each in augment:
        if not isinstance(each, Augmentation):
            raise InputError(
                f"augment holds a {type(each).__name__}; it takes augmentations such as DiffAugment, "
                "or a subclass of Augmentation that draws your own"
            )
    return augment


def check_images(fake: Tensor, real: Tensor | None, given: Tensor | None) -> None:
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
