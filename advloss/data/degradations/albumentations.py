"""Degradation on the host, in the processes that decode: bicubic reduction, then transforms of albumentations."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from advloss.data.degradations.base import Degradation, Scale
from advloss.data.degradations.bicubic import Bicubic
from advloss.data.loading.augment import composed


class Albumentations(Degradation):
    """`Bicubic`, then transforms such as `[{name: GaussNoise, std_range: [0.02, 0.1], p: 0.5}]`, in this order.

    They see the small picture, uint8 [H, W, 3], and must keep its size. A transform's random numbers come from the
    picture's own generator.
    """

    in_workers: ClassVar[bool] = True

    def __init__(self, scale: Scale, transforms: list[dict[str, Any]]) -> None:
        super().__init__(scale)
        self.compose = composed(transforms, "data.degradation.transforms")
        self.bicubic = Bicubic(scale)

    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        """As `Degradation.__call__`, but on the CPU: to copy images of another device waits for that device."""
        reduced = self.bicubic(large, rngs).cpu()
        pictures = [self._transformed(_to_picture(image), rng) for image, rng in zip(reduced, rngs, strict=True)]
        return torch.stack([_to_image(picture) for picture in pictures]).to(large.device) if pictures else reduced

    def small(self, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One picture: uint8 [H, W, 3], sides multiples of `scale` -> uint8 [H / scale, W / scale, 3]."""
        (reduced,) = self.bicubic(_to_image(large)[None], [rng])
        return self._transformed(_to_picture(reduced), rng)

    def _transformed(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        self.compose.set_random_seed(int(rng.integers(2**31)))
        done: np.ndarray = self.compose(image=picture)["image"]
        return done


def _to_picture(image: Tensor) -> np.ndarray:
    """float [3, H, W] in [-1, 1] -> uint8 [H, W, 3]."""
    levels = ((image + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _to_image(picture: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> float32 [3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 127.5 - 1
