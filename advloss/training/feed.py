"""From a loader's bytes to a method's batch: on the device, in [-1, 1], with the small pictures that the data lacks."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from advloss.data.loading import to_images
from advloss.recipe.build import Built


class Feed:
    """Makes `a` from `b` by the recipe's degradation, where the data has no `a` of its own."""

    def __init__(self, built: Built, device: torch.device) -> None:
        self.degradation = built.degradation
        self.device = device
        self.dtype = torch.float64 if built.recipe.train.precision == "fp64" else torch.float32

    def __call__(self, sides: Mapping[str, Tensor], rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        """sides: uint8 [B, 3, H, W] each; rngs: for each image, what its degradation is drawn from."""
        batch = {side: to_images(images.to(self.device, non_blocking=True)) for side, images in sides.items()}
        if self.degradation is not None and "a" not in batch:
            batch["a"] = self.degradation(batch["b"], rngs)
        return {side: images.to(self.dtype) for side, images in batch.items()}
