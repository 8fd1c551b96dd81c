"""From a loader's bytes to a method's batch: on the device, in [-1, 1], with the small pictures that the data lacks."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from advloss.data.loading.loader import Loader, to_images
from advloss.recipe.build import Built


class DeviceBatches:
    """Makes `a` from `b` by the recipe's degradation, where the data has no `a` of its own."""

    def __init__(self, built: Built, device: torch.device) -> None:
        self.degradation = built.degradation
        self.device = device
        self.dtype = torch.float64 if built.recipe.train.precision == "fp64" else torch.float32

    def __call__(self, sides: Mapping[str, Tensor], rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        """sides: uint8 [B, 3, H, W] each; rngs: for each image, what its degradation is drawn from."""
        images = {side: to_images(each.to(self.device, non_blocking=True)) for side, each in sides.items()}
        return self._completed(images, rngs)

    def batches(self, loader: Loader, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches that a method trains on, number `start` and all that follow, without end."""
        for number, images in enumerate(loader.images(start), start):
            yield self._completed(images, loader.rngs(number) if self._degrades(images) else ())

    def _degrades(self, images: Mapping[str, Tensor]) -> bool:
        return self.degradation is not None and "a" not in images

    def _completed(self, images: dict[str, Tensor], rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        if self.degradation is not None and self._degrades(images):
            images["a"] = self.degradation(images["b"], rngs)
        return {side: image.to(self.dtype) for side, image in images.items()}
