"""Heavier augmentation by albumentations, written in a recipe as data."""

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from advloss.core.errors import InputError, unknown
from advloss.data.random_streams import augment_stream, random


class Augmenter:
    """Transforms such as `[{name: ColorJitter, brightness: 0.2, p: 0.5}]`, in this order, on uint8 [H, W, 3].

    Pictures and masks that are drawn together get the same transform. The random numbers come from (seed, epoch,
    position), since albumentations' own random state repeats over workers and epochs.

    pictures, masks: the largest number of each that are drawn together.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any]], seed: int, pictures: int = 2, masks: int = 0) -> None:
        self.seed = seed
        self.partners = [f"partner{number or ''}" for number in range(max(1, pictures - 1))]
        self.masks = [f"hole{number}" for number in range(masks)]
        targets = dict.fromkeys(self.partners, "image") | dict.fromkeys(self.masks, "mask")
        self.compose = composed(transforms, "data.augment", additional_targets=targets)

    def __call__(
        self, images: dict[str, np.ndarray], masks: dict[str, np.ndarray], source: int, epoch: int, position: int
    ) -> dict[str, np.ndarray]:
        """The same transform for pictures [H, W, 3] and masks [H, W] of one sample; source: its number."""
        stream = augment_stream(source)
        self.compose.set_random_seed(int(random(stream, self.seed, epoch, position).integers(2**31)))
        names = dict(zip(["image", *self.partners], images, strict=False))
        names |= dict(zip(self.masks, masks, strict=False))
        given = {target: (images | masks)[name] for target, name in names.items()}
        done = self.compose(**given)
        return {name: done[target] for target, name in names.items()}


def composed(transforms: Sequence[Mapping[str, Any]], place: str, **options: Any) -> Any:
    """albumentations' Compose of transforms on uint8 [H, W, 3]. Each transform is checked and called once.

    place: where in the recipe they stand. options: of Compose. Raises `InputError`.
    """
    albumentations = _albumentations()
    made = [_transform(albumentations, f"{place}[{index}]", dict(given)) for index, given in enumerate(transforms)]
    for transform in made:
        _try_out(transform, place)
    return albumentations.Compose(made, **options)


def _try_out(transform: Any, place: str) -> None:
    """Calls a transform once, to find before the first batch that it can't be used."""
    blank = np.zeros((64, 64, 3), np.uint8)
    name, before, transform.p = type(transform).__name__, transform.p, 1.0
    try:
        done = transform(image=blank)["image"]
    except Exception as error:  # a transform may need boxes or other inputs, and then raises any type of error
        raise InputError(f"{place}: {name} can't be used on pictures alone: {error}") from error
    transform.p = before
    if done.dtype != np.uint8 or done.shape != blank.shape:
        raise InputError(
            f"{place}: {name} changes a picture of uint8 {blank.shape} to {done.dtype} {done.shape}; "
            "it must keep type and size (data.load, data.crop and the scaling to [-1, 1] are done elsewhere)"
        )


def _albumentations() -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the network for its version
    try:
        import albumentations
    except ImportError:
        raise InputError(
            "data.augment and data.degradation=albumentations need the albumentations library: "
            "pip install 'advloss[augment]'"
        ) from None
    return albumentations


def _transform(albumentations: Any, place: str, given: dict[str, Any]) -> Any:
    """One transform from its description, every parameter checked against its signature."""
    known = {
        name: value
        for name, value in vars(albumentations).items()
        if isinstance(value, type) and issubclass(value, albumentations.BasicTransform)
    }
    name = given.pop("name", None)
    if name is None:
        raise InputError(f"{place} has no name; say which albumentations transform, as in name: ColorJitter")
    if name not in known:
        raise InputError(f"{place}: {_short(unknown('transform', str(name), known))}")
    parameters = set(inspect.signature(known[name]).parameters)
    for parameter in given:
        if parameter not in parameters:
            raise InputError(f"{place} {name}: {unknown('parameter', parameter, parameters)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return known[name](**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})
    except (ValueError, TypeError, UserWarning) as error:
        why = "; ".join(line.strip() for line in str(error).splitlines() if "errors.pydantic.dev" not in line)
        raise InputError(f"{place} {name}: {why}") from error


def _short(message: str) -> str:
    """The message without the list of all transforms, which are over a hundred."""
    return message.split(" (known:")[0] + "; see the transforms of albumentations 2.0"
