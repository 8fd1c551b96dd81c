"""Labels and vectors: one row for each item."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """values: int64 [N], numbers of classes; or float32 [N, F], vectors. classes: the classes' names."""

    values: np.ndarray
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, numbers: list[int]) -> "Rows":
        """The rows of these numbers, in this order."""
        return Rows(self.values[numbers], self.classes)
