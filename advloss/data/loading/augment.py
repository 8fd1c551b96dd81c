"""Heavier augmentation by albumentations, written in a recipe as data."""

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from advloss.core.errors import InputError, unknown
from advloss.data.random_streams import AUGMENT_A, AUGMENT_B, random


class Augmenter:
    """Transforms such as `[{name: ColorJitter, brightness: 0.2, p: 0.5}]`, in this order, on uint8 [H, W, 3].

    Both pictures of a pair get the same; those of unpaired sides each their own. The random numbers come from
    (seed, epoch, position): albumentations' own state repeats over workers and epochs.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any]], seed: int) -> None:
        self.seed = seed
        self.compose = composed(transforms, "data.augment", additional_targets={"partner": "image"})

    def pair(self, a: np.ndarray, b: np.ndarray, epoch: int, position: int) -> tuple[np.ndarray, np.ndarray]:
        """The same transform for both."""
        self._seed(AUGMENT_A, epoch, position)
        done = self.compose(image=a, partner=b)
        return done["image"], done["partner"]

    def apart(self, a: np.ndarray, b: np.ndarray, epoch: int, position: int) -> tuple[np.ndarray, np.ndarray]:
        """A transform of its own for each."""
        done = []
        for stream, picture in ((AUGMENT_A, a), (AUGMENT_B, b)):
            self._seed(stream, epoch, position)
            done.append(self.compose(image=picture)["image"])
        return done[0], done[1]

    def _seed(self, stream: int, epoch: int, position: int) -> None:
        self.compose.set_random_seed(int(random(stream, self.seed, epoch, position).integers(2**31)))


def composed(transforms: Sequence[Mapping[str, Any]], place: str, **options: Any) -> Any:
    """albumentations' Compose of transforms on uint8 [H, W, 3], each checked and tried out.

    place: where in the recipe they stand. options: of Compose. Raises `InputError`.
    """
    albumentations = _albumentations()
    made = [_transform(albumentations, f"{place}[{index}]", dict(given)) for index, given in enumerate(transforms)]
    for transform in made:
        _try_out(transform, place)
    return albumentations.Compose(made, **options)


def _try_out(transform: Any, place: str) -> None:
    """So that a transform that can't serve is found before the first batch."""
    blank = np.zeros((64, 64, 3), np.uint8)
    name, before, transform.p = type(transform).__name__, transform.p, 1.0
    try:
        done = transform(image=blank)["image"]
    except Exception as error:  # whatever a transform wants that a picture alone doesn't give
        raise InputError(f"{place}: {name} can't be used on pictures alone: {error}") from error
    transform.p = before
    if done.dtype != np.uint8 or done.shape != blank.shape:
        raise InputError(
            f"{place}: {name} turns a picture of uint8 {blank.shape} into {done.dtype} {done.shape}; "
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
    """Without the list of all the transforms: there are over a hundred."""
    return message.split(" (known:")[0] + "; see the transforms of albumentations 2.0"
