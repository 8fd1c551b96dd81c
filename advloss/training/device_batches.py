"""Makes a method's batch from a loader's values: scaled, on the device, with small pictures made if the data has
none."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from advloss.data.fields import made_field, made_from
from advloss.data.loading.loader import Loader
from advloss.data.loading.scaling import scaling
from advloss.recipe.build import Built
from advloss.recipe.build_method import declared_fields
from advloss.recipe.formats import formats_of


class DeviceBatches:
    """Makes a method's batches. A field that the data set does not have is made by the recipe's degradation."""

    def __init__(self, built: Built, device: torch.device) -> None:
        fields = declared_fields(built.recipe)
        self.degradation = built.degradation
        self.made = made_field(fields)
        self.of = made_from(fields[self.made]) if self.made is not None else None
        self.device = device
        self.scaled = scaling(fields, formats_of(built.recipe.data, fields))
        self.dtype = torch.float64 if built.recipe.train.precision == "fp64" else torch.float32

    def __call__(self, values: Mapping[str, Tensor], rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        """values: [B, ...] of each field, as a loader gives them. rngs: a generator for each sample's degradation."""
        batch = {name: self.scaled(name, each.to(self.device, non_blocking=True)) for name, each in values.items()}
        return self._completed(batch, rngs)

    def batches(self, loader: Loader, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """Yields the batches that a method trains on, number `start` and all that follow, without end."""
        for number, batch in enumerate(loader.images(start), start):
            yield self._completed(batch, loader.rngs(number) if self._degrades(batch) else ())

    def _degrades(self, batch: Mapping[str, Tensor]) -> bool:
        return self.degradation is not None and self.made is not None and self.made not in batch

    def _completed(self, batch: dict[str, Tensor], rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        if self.degradation is not None and self._degrades(batch):
            batch[self.made or ""] = self.degradation(batch[self.of or ""], rngs)
        return {name: each.to(self.dtype) if each.is_floating_point() else each for name, each in batch.items()}
